import type { QueuePlace } from '@orchestration-sidecar/shared';

/** What admission knows of an agent that runs or waits. */
export interface Ticket {
  readonly agentId: string;
  readonly projectId: string;
  readonly issueId: string | null;
  readonly agentType: string;
  readonly parentId: string | null;
  /** Order of arrival among those that wait. */
  readonly arrival: number;
}

/** How many agents may run at once. */
export interface SlotLimits {
  readonly agents: number;
  readonly perProject: number;
  readonly perType: number;
}

/** A ticket with what it waits for. */
export interface Queued {
  readonly ticket: Ticket;
  readonly waitsFor: QueuePlace['waits_for'];
}

/** Counts running agents by what limits and fairness look at. */
export class Occupancy {
  total = 0;
  readonly #counts = new Map<string, number>();

  constructor(running: Iterable<Ticket>) {
    for (const ticket of running) this.add(ticket);
  }

  add(ticket: Ticket): void {
    this.total += 1;
    for (const key of keysOf(ticket)) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  ofProject(ticket: Ticket): number {
    return this.#counts.get(keysOf(ticket)[0]) ?? 0;
  }

  ofIssue(ticket: Ticket): number {
    return this.#counts.get(keysOf(ticket)[1]) ?? 0;
  }

  ofType(ticket: Ticket): number {
    return this.#counts.get(keysOf(ticket)[2]) ?? 0;
  }

  /** What keeps the ticket from a slot; undefined: nothing does. */
  obstacle(ticket: Ticket, limits: SlotLimits): 'slot' | 'project' | 'type' | undefined {
    if (this.ofProject(ticket) >= limits.perProject) return 'project';
    if (this.ofType(ticket) >= limits.perType) return 'type';
    return this.total >= limits.agents ? 'slot' : undefined;
  }
}

/**
 * The order in which queued agents would start as slots become free: the project that has fewest running goes first,
 * within it the issue that has fewest, within that who came first. A project that queues a thousand agents thus delays
 * another one’s first by one slot at most. Those that a limit of their own keeps back come after all others.
 */
export function queueOrder(waiting: Iterable<Ticket>, running: Iterable<Ticket>, limits: SlotLimits): Queued[] {
  const occupancy = new Occupancy(running);
  const lanes = lanesOf(waiting);
  const order: Queued[] = [];
  const unlimited = { ...limits, agents: Infinity };
  for (;;) {
    const free = lanes.filter(([head]) => head && occupancy.obstacle(head, unlimited) === undefined);
    const lane = fairest(free.length > 0 ? free : lanes, occupancy);
    const ticket = lane?.shift();
    if (!lane || !ticket) return order;
    order.push({ ticket, waitsFor: occupancy.obstacle(ticket, unlimited) ?? 'slot' });
    occupancy.add(ticket);
    if (lane.length === 0) lanes.splice(lanes.indexOf(lane), 1);
  }
}

/** The next to start; undefined: nobody can. The first of {@link queueOrder}, without making all of it. */
export function nextInLine(waiting: Iterable<Ticket>, occupancy: Occupancy, limits: SlotLimits): Ticket | undefined {
  if (occupancy.total >= limits.agents) return undefined;
  const able = lanesOf(waiting).filter(([head]) => head && occupancy.obstacle(head, limits) === undefined);
  return fairest(able, occupancy)?.[0];
}

/** Tickets that nothing but their arrival tells apart, in the order of arrival. */
function lanesOf(waiting: Iterable<Ticket>): Ticket[][] {
  return [...Map.groupBy(waiting, (ticket) => JSON.stringify(keysOf(ticket))).values()].map((lane) =>
    lane.toSorted((a, b) => a.arrival - b.arrival),
  );
}

function fairest(lanes: readonly Ticket[][], occupancy: Occupancy): Ticket[] | undefined {
  let best: { lane: Ticket[]; rank: readonly number[] } | undefined;
  for (const lane of lanes) {
    const [head] = lane;
    if (!head) continue;
    const rank = [occupancy.ofProject(head), occupancy.ofIssue(head), head.arrival];
    if (!best || isBefore(rank, best.rank)) best = { lane, rank };
  }
  return best?.lane;
}

function isBefore(a: readonly number[], b: readonly number[]): boolean {
  const index = a.findIndex((value, place) => value !== b[place]);
  return index >= 0 && (a[index] ?? 0) < (b[index] ?? 0);
}

function keysOf({ projectId, issueId, agentType }: Ticket): [project: string, issue: string, type: string] {
  return [`project ${projectId}`, `issue ${projectId} ${issueId ?? ''}`, `type ${agentType}`];
}
