import type { SoakAgent } from './soak-agents.ts';

/** What a call of a kind acknowledged: keys of events that the log has to hold, and ids of stored results. */
export interface Acknowledged {
  readonly events?: readonly string[];
  readonly results?: readonly string[];
}
/** One kind of call in the mix. */
export interface Kind {
  readonly name: string;
  /** Its share of the mix. */
  readonly weight: number;
  /** The permission that an agent needs for it. */
  readonly needs?: string;
  run(agent: SoakAgent, key: string): Promise<Acknowledged>;
}

const nothing: Acknowledged = {};

/** The mix: everything an agent calls in its life. */
export const KINDS: readonly Kind[] = [
  {
    name: 'publish',
    weight: 25,
    needs: 'publish_events',
    async run({ calls }, key) {
      const { event_id } = await calls.events.publish({ event_type: 'soak_tick', data: { key, sent_ms: Date.now() } });
      return { events: [event_id] };
    },
  },
  {
    name: 'publishMany',
    weight: 5,
    needs: 'publish_events',
    async run({ calls }, key) {
      const events = [1, 2, 3, 4, 5].map((n) => ({ event_type: 'soak_batch', data: { key: `${key}-${n}` } }));
      const { published } = await calls.events.publishMany({ events });
      return { events: published.map(({ event_id }) => event_id) };
    },
  },
  {
    name: 'wait',
    weight: 15,
    async run(agent) {
      // What there is at once; the subscribers are those who wait long.
      const input = { event_type: '*', timeout: 0, limit: 20, cursor: agent.cursor ?? 'latest' };
      agent.cursor = (await agent.calls.events.wait(input)).next_cursor;
      return nothing;
    },
  },
  {
    name: 'context',
    weight: 5,
    needs: 'read_context',
    async run({ calls, issueId, agentType }) {
      await calls.context.get({ issue_id: issueId, agent_type: agentType });
      return nothing;
    },
  },
  {
    name: 'result',
    weight: 3,
    needs: 'write_results',
    async run({ calls, issueId }, key) {
      const { id } = await calls.results.store({ issue_id: issueId, result: { status: 'success', summary: key } });
      return { results: [id] };
    },
  },
  {
    name: 'results',
    weight: 7,
    async run({ calls, issueId }) {
      await calls.results.list({ issue_id: issueId, limit: 10 });
      return nothing;
    },
  },
  {
    name: 'heartbeat',
    weight: 15,
    async run({ calls, agentId }) {
      await calls.agents.status({ agent_id: agentId });
      return nothing;
    },
  },
  {
    name: 'status',
    weight: 10,
    async run({ calls }) {
      await calls.system.health({});
      return nothing;
    },
  },
  {
    name: 'refresh',
    weight: 2,
    async run(agent) {
      agent.token = (await agent.calls.tokens.refresh({})).token;
      return nothing;
    },
  },
  {
    name: 'consumer',
    weight: 13,
    async run({ calls, consumer }) {
      const { deliveries } = await calls.consumers.consume({ consumer, limit: 50, timeout: 0 });
      const leases = deliveries.map(({ lease }) => lease);
      if (leases.length > 0) await calls.consumers.ack({ consumer, leases });
      return nothing;
    },
  },
];

/** Of the kinds the agent may call, the one that a number from 0 to 1 falls on. */
export function kindFor({ permissions }: SoakAgent, drawn: number): Kind {
  const allowed = KINDS.filter(({ needs }) => needs === undefined || permissions.has(needs));
  let left = drawn * allowed.reduce((sum, { weight }) => sum + weight, 0);
  const found = allowed.find(({ weight }) => (left -= weight) < 0) ?? allowed[0];
  if (found === undefined) throw new Error('there is no kind of call');
  return found;
}
