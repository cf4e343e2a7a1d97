import { SidecarError, type QueuePlace } from '@orchestration-sidecar/shared';
import { nextInLine, Occupancy, queueOrder, type Queued, type SlotLimits, type Ticket } from './queue-order.ts';

/** Bounds of admission. */
export interface AdmissionLimits extends SlotLimits {
  /** Agents that may wait for a slot. */
  readonly queued: number;
  /** Longest chain of agents that start agents; one that nobody but a person started is 1 deep. */
  readonly depth: number;
  /** Live agents that one agent may have started. */
  readonly children: number;
}

/**
 * Who holds a slot and who waits for one. Decides at once and in memory: the supervisor writes down what was decided,
 * and after a restart says again who runs and who waits.
 */
export class Admission {
  readonly limits: AdmissionLimits;
  /** A limit that only repeats the one above it is not what anybody waits for. */
  readonly #slots: SlotLimits;
  readonly #running = new Map<string, Ticket>();
  readonly #waiting = new Map<string, Ticket>();
  /** Those among the waiting whose pause before the next attempt is not over. */
  readonly #resting = new Set<string>();
  #order: readonly Queued[] | undefined;
  #arrivals = 0;

  constructor(limits: AdmissionLimits) {
    this.limits = limits;
    const { agents, perProject, perType } = limits;
    const own = (limit: number): number => (limit < agents ? limit : Infinity);
    this.#slots = { agents, perProject: own(perProject), perType: own(perType) };
  }

  /** Agents that hold a slot or wait for one. */
  get size(): number {
    return this.#running.size + this.#waiting.size;
  }

  /**
   * Takes in a new agent: gives it a slot, or a place in the queue.
   * @param depth length of the chain of agents it is the end of.
   * @throws {SidecarError} `SPAWN_DEPTH_EXCEEDED`, `FAN_OUT_EXCEEDED`, `AGENT_LIMIT_REACHED` when the queue is full.
   */
  enter(agent: Omit<Ticket, 'arrival'>, depth: number): 'slot' | 'queue' {
    const refusal = this.refusal(agent, depth);
    if (refusal) throw refusal;
    return this.restore(agent, this.#obstacle(agent) ? 'queue' : 'slot');
  }

  /** Takes in an agent whose place is known, whatever the limits: one of an earlier sidecar. */
  restore<Place extends 'slot' | 'queue'>(agent: Omit<Ticket, 'arrival'>, place: Place): Place {
    this.#arrivals += 1;
    const ticket = { ...agent, arrival: this.#arrivals };
    (place === 'slot' ? this.#running : this.#waiting).set(ticket.agentId, ticket);
    this.#order = undefined;
    return place;
  }

  /** Sends an agent that gave up its slot to the end of its lane; it starts once {@link rested}. */
  rest(agent: Omit<Ticket, 'arrival'>): void {
    this.leave(agent.agentId);
    this.restore(agent, 'queue');
    this.#resting.add(agent.agentId);
  }

  /** The agent’s pause is over. */
  rested(agentId: string): void {
    this.#resting.delete(agentId);
    this.#order = undefined;
  }

  /** Frees the slot or the place of an agent; one that has neither changes nothing. */
  leave(agentId: string): void {
    this.#running.delete(agentId);
    this.#waiting.delete(agentId);
    this.#resting.delete(agentId);
    this.#order = undefined;
  }

  /** Gives a free slot to whoever is next; undefined: no slot is free, or nobody can take it. */
  next(): string | undefined {
    const ticket = nextInLine(this.#ready(), new Occupancy(this.#running.values()), this.#slots);
    if (!ticket) return undefined;
    this.leave(ticket.agentId);
    this.#running.set(ticket.agentId, ticket);
    return ticket.agentId;
  }

  /** Whether the agent waits for a slot. */
  isWaiting(agentId: string): boolean {
    return this.#waiting.has(agentId);
  }

  /** Where a waiting agent stands; undefined: it does not wait. */
  placeOf(agentId: string): QueuePlace | undefined {
    if (!this.#waiting.has(agentId)) return undefined;
    this.#order ??= this.#queue();
    const index = this.#order.findIndex(({ ticket }) => ticket.agentId === agentId);
    const waitsFor = this.#order[index]?.waitsFor ?? 'slot';
    return { position: index + 1, length: this.#order.length, waits_for: waitsFor };
  }

  /** Why a new agent would not even be queued; undefined: it would. */
  refusal(agent: Omit<Ticket, 'arrival'>, depth: number): SidecarError | undefined {
    const { limits } = this;
    if (depth > limits.depth) {
      return new SidecarError('SPAWN_DEPTH_EXCEEDED', `It would be ${depth} deep; ${limits.depth} is allowed.`);
    }
    const children = this.childrenOf(agent.parentId);
    if (children >= limits.children) {
      return new SidecarError('FAN_OUT_EXCEEDED', `${agent.parentId} has ${children} live agents of its own.`);
    }
    if (this.#obstacle(agent) && this.#waiting.size >= limits.queued) {
      const { agents, queued } = limits;
      const detail = `${this.#running.size} of ${agents} slots and ${this.#waiting.size} of ${queued} places in the queue are taken.`;
      return new SidecarError('AGENT_LIMIT_REACHED', detail);
    }
    return undefined;
  }

  /** The place a new agent would get; undefined: it would start at once. */
  forecast(agent: Omit<Ticket, 'arrival'>): QueuePlace | undefined {
    if (!this.#obstacle(agent)) return undefined;
    this.restore(agent, 'queue');
    const place = this.placeOf(agent.agentId);
    this.leave(agent.agentId);
    return place;
  }

  /** How much of each bound is used, from the point of view of one agent. */
  usage(agent: Omit<Ticket, 'arrival'>, depth: number): { name: string; used: number; limit: number }[] {
    const { limits } = this;
    const ticket = { ...agent, arrival: 0 };
    const occupancy = new Occupancy(this.#running.values());
    return [
      { name: 'agents', used: occupancy.total, limit: limits.agents },
      { name: 'agents_in_project', used: occupancy.ofProject(ticket), limit: limits.perProject },
      { name: 'agents_of_type', used: occupancy.ofType(ticket), limit: limits.perType },
      { name: 'queued', used: this.#waiting.size, limit: limits.queued },
      { name: 'depth', used: depth - 1, limit: limits.depth },
      { name: 'children', used: this.childrenOf(agent.parentId), limit: limits.children },
    ];
  }

  /** Live agents that an agent started. A person has none. */
  childrenOf(parentId: string | null): number {
    if (parentId === null) return 0;
    const all = [...this.#running.values(), ...this.#waiting.values()];
    return all.filter((ticket) => ticket.parentId === parentId).length;
  }

  #obstacle(agent: Omit<Ticket, 'arrival'>): 'slot' | 'project' | 'type' | undefined {
    return new Occupancy(this.#running.values()).obstacle({ ...agent, arrival: 0 }, this.#slots);
  }

  #ready(): Ticket[] {
    return [...this.#waiting.values()].filter(({ agentId }) => !this.#resting.has(agentId));
  }

  #queue(): Queued[] {
    const resting = [...this.#waiting.values()].filter(({ agentId }) => this.#resting.has(agentId));
    const order = queueOrder(this.#ready(), this.#running.values(), this.#slots);
    return [...order, ...resting.map((ticket) => ({ ticket, waitsFor: 'retry' as const }))];
  }
}
