import { z } from 'zod';
import {
  OPERATOR_PUBLISHER,
  SIDECAR_PUBLISHER,
  type SidecarEvent,
  type StoredResult,
} from '@orchestration-sidecar/shared';

const IssueCreated = z.object({ issue_id: z.string(), title: z.string(), workflow: z.string().nullable() });
const OfIssue = z.object({ issue_id: z.string() });
const AgentEvent = z.object({
  issue_id: z.string(),
  agent_id: z.string(),
  agent_type: z.string(),
  idempotency_key: z.string().nullish(),
  will_retry: z.boolean().optional(),
  reason: z.string().nullish(),
  error: z.string().nullish(),
  usage: z
    .object({
      input_tokens: z.number().nullish(),
      output_tokens: z.number().nullish(),
      cost_usd: z.number().nullish(),
    })
    .nullish(),
});
/** Outcome of one check, as `checks_complete` carries it. */
export const CheckOutcome = z.object({
  name: z.string(),
  passed: z.boolean(),
  exit_code: z.int().nullable(),
  duration_ms: z.number(),
  output_sha256: z.string(),
  tree_hash: z.string().nullable(),
  output_tail: z.string(),
});
export type CheckOutcome = z.infer<typeof CheckOutcome>;
const ChecksComplete = z.object({
  issue_id: z.string(),
  key: z.string(),
  checks: z.array(CheckOutcome),
  reason: z.string().nullish(),
});
const Observed = z.discriminatedUnion('what', [
  z.object({ what: z.literal('time'), issue_id: z.string() }),
  z.object({ what: z.literal('spawn_refused'), issue_id: z.string(), key: z.string(), reason: z.string() }),
  z.object({
    what: z.literal('agent'),
    issue_id: z.string(),
    key: z.string().nullable(),
    agent_id: z.string(),
    agent_type: z.string(),
    alive: z.boolean(),
    result_id: z.string().nullish(),
  }),
]);

/** What an agent used, as far as it was reported; 0 is unknown. */
export interface Usage {
  readonly tokens: number;
  readonly usd: number;
}

/** What happened, in the words of the engine. */
export type Happening =
  | { readonly kind: 'created'; readonly title: string; readonly workflow: string }
  | {
      /** `queued`: it is to run when there is a slot for it. */
      readonly kind: 'queued' | 'spawned';
      readonly agentId: string;
      readonly agentType: string;
      readonly key: string | null;
    }
  | {
      readonly kind: 'ended';
      readonly agentId: string;
      readonly key: string | null;
      readonly how: string;
      readonly reason: string;
      /** Whether another attempt might pass. */
      readonly retryPossible: boolean;
      readonly usage: Usage;
      /** What it handed in without the log saying so. */
      readonly result: StoredResult | undefined;
    }
  | { readonly kind: 'result'; readonly result: StoredResult }
  | {
      readonly kind: 'announced';
      readonly eventType: string;
      /** Agent id of the publisher; null: a person. */
      readonly agentId: string | null;
      readonly agentType: string | null;
      readonly data: SidecarEvent['data'];
    }
  | { readonly kind: 'refused'; readonly key: string; readonly reason: string }
  | {
      readonly kind: 'checked';
      readonly key: string;
      readonly checks: readonly CheckOutcome[];
      /** Where the checks were found, or why there are none; null: the workflow names them. */
      readonly reason: string | null;
    }
  | { readonly kind: 'time' | 'paused' | 'resumed' }
  | { readonly kind: 'cancelled'; readonly reason: string };

/** A happening with its place in the log. */
export interface Input {
  readonly projectId: string;
  readonly issueId: string;
  readonly eventId: string;
  readonly atMs: number;
  readonly correlationId: string | null;
  /** W3C trace context of the event. */
  readonly traceparent?: string | undefined;
  readonly happening: Happening;
}

/** What has to be known beside an event to judge it. */
export interface Records {
  /** A stored result of a project; undefined when there is none. */
  resultOf(projectId: string, resultId: string): StoredResult | undefined;
  /** The issue an agent was started for; undefined when it was started for none. */
  issueOf(agentId: string): string | undefined;
}

/**
 * Reads an event of the log as something the engine acts on; undefined when it does not concern it. This is where
 * trust is decided: life-cycle events count only from the sidecar itself, a result only as it is stored and from the
 * agent that stored it, and an agent that works on one issue has no say in another.
 */
export function readInput(event: SidecarEvent, records: Records): Input | undefined {
  const fromSidecar = event.publisher === SIDECAR_PUBLISHER && event.publisher_type === SIDECAR_PUBLISHER;
  const found = fromSidecar ? ownHappening(event, records) : reportedHappening(event, records);
  return (
    found && {
      projectId: event.project_id,
      issueId: found.issueId,
      eventId: event.event_id,
      atMs: Date.parse(event.timestamp),
      correlationId: event.correlation_id,
      traceparent: event.traceparent,
      happening: found.happening,
    }
  );
}

interface Found {
  readonly issueId: string;
  readonly happening: Happening;
}

function ownHappening(event: SidecarEvent, records: Records): Found | undefined {
  if (event.topic !== 'coordination') return reportedHappening(event, records);
  switch (event.event_type) {
    case 'issue_created': {
      const { data } = IssueCreated.safeParse(event.data);
      if (!data || data.workflow === null) return undefined;
      return { issueId: data.issue_id, happening: { kind: 'created', title: data.title, workflow: data.workflow } };
    }
    case 'agent_queued':
    case 'agent_spawned':
    case 'agent_completed':
    case 'agent_failed':
    case 'agent_stopped':
      return lifecycle(event);
    case 'checks_complete': {
      const { data } = ChecksComplete.safeParse(event.data);
      if (!data) return undefined;
      const { issue_id: issueId, key, checks, reason = null } = data;
      return { issueId, happening: { kind: 'checked', key, checks, reason } };
    }
    case 'workflow_observed':
      return observation(event, records);
    case 'issue_paused':
    case 'issue_resumed': {
      const { data } = OfIssue.safeParse(event.data);
      return (
        data && {
          issueId: data.issue_id,
          happening: { kind: event.event_type === 'issue_paused' ? 'paused' : 'resumed' },
        }
      );
    }
    case 'issue_cancelled': {
      const { data } = OfIssue.extend({ reason: z.string() }).safeParse(event.data);
      return data && { issueId: data.issue_id, happening: { kind: 'cancelled', reason: data.reason } };
    }
    default:
      return undefined;
  }
}

function lifecycle(event: SidecarEvent): Found | undefined {
  const { data } = AgentEvent.safeParse(event.data);
  if (!data) return undefined;
  const { issue_id: issueId, agent_id: agentId, agent_type: agentType } = data;
  const key = data.idempotency_key ?? null;
  if (event.event_type === 'agent_queued') return { issueId, happening: { kind: 'queued', agentId, agentType, key } };
  if (event.event_type === 'agent_spawned') return { issueId, happening: { kind: 'spawned', agentId, agentType, key } };
  // The supervisor tries the same agent again; what becomes of it is told later.
  if (data.will_retry) return undefined;
  const usage = data.usage ?? {};
  return {
    issueId,
    happening: {
      kind: 'ended',
      agentId,
      key,
      how: event.event_type.slice('agent_'.length),
      reason: data.error ?? data.reason ?? event.event_type,
      // What may pass by trying again, the supervisor has tried; only an agent that forgot to hand in is left.
      retryPossible: event.event_type === 'agent_completed',
      usage: { tokens: (usage.input_tokens ?? 0) + (usage.output_tokens ?? 0), usd: usage.cost_usd ?? 0 },
      result: undefined,
    },
  };
}

function observation(event: SidecarEvent, records: Records): Found | undefined {
  const { data } = Observed.safeParse(event.data);
  if (!data) return undefined;
  const issueId = data.issue_id;
  if (data.what === 'time') return { issueId, happening: { kind: 'time' } };
  if (data.what === 'spawn_refused') {
    return { issueId, happening: { kind: 'refused', key: data.key, reason: data.reason } };
  }
  const { agent_id: agentId, agent_type: agentType, key } = data;
  if (data.alive) return { issueId, happening: { kind: 'spawned', agentId, agentType, key } };
  const result = data.result_id == null ? undefined : records.resultOf(event.project_id, data.result_id);
  const usage = { tokens: 0, usd: 0 };
  const reason = 'found ended';
  return {
    issueId,
    happening: { kind: 'ended', agentId, key, how: 'completed', reason, retryPossible: true, usage, result },
  };
}

/** What agents and people say. */
function reportedHappening(event: SidecarEvent, records: Records): Found | undefined {
  const { issue_id: issueId, result_id: resultId } = event.data;
  if (typeof issueId !== 'string') return undefined;
  const byPerson = event.publisher === OPERATOR_PUBLISHER && event.publisher_type === OPERATOR_PUBLISHER;
  if (!byPerson && (records.issueOf(event.publisher) ?? issueId) !== issueId) return undefined;
  if (typeof resultId === 'string') {
    const result = records.resultOf(event.project_id, resultId);
    const genuine = result?.issue_id === issueId && (byPerson || result.agent_id === event.publisher);
    if (result && genuine) return { issueId, happening: { kind: 'result', result } };
  }
  return {
    issueId,
    happening: {
      kind: 'announced',
      eventType: event.event_type,
      agentId: byPerson ? null : event.publisher,
      agentType: byPerson ? null : event.publisher_type,
      data: event.data,
    },
  };
}
