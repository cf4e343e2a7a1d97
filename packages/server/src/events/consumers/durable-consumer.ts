import type { ConsumerInterest, SidecarEvent } from '@orchestration-sidecar/shared';
import { compileInterest, type EventPredicate } from '../filter.ts';
import type { ConsumerDefinition, ConsumerProgress } from './consumer-store.ts';

/** Who uses a consumer; null: the operator, who may use all. */
export type ConsumerUser = { readonly agentId: string; readonly agentType: string } | null;

/** A durable consumer in memory: what it wants, how far it has come, and who waits for it to change. */
export class DurableConsumer {
  readonly definition: ConsumerDefinition;
  readonly wanted: EventPredicate;
  readonly #waiting = new Set<() => void>();
  #saved: ConsumerProgress;
  #scanned: number;
  #deleted = false;

  constructor(definition: ConsumerDefinition, progress: ConsumerProgress) {
    this.definition = definition;
    this.wanted = compileInterests(definition.interests);
    this.#saved = progress;
    this.#scanned = progress.sequence;
  }

  /** Progress as it is on disk. */
  get saved(): ConsumerProgress {
    return this.#saved;
  }

  /** No event up to here is still to be handed out for the first time; at or past what is saved. */
  get scanned(): number {
    return this.#scanned;
  }

  get deleted(): boolean {
    return this.#deleted;
  }

  /** Whether it was kept for an agent that has never used it: nothing counts as undelivered to it. */
  get unused(): boolean {
    return this.definition.agentId !== null && this.#saved.lastUsedAtMs === null;
  }

  /** Whether someone may use it: its one agent, agents of its type, and always the operator. */
  isFor(user: ConsumerUser): boolean {
    if (user === null) return true;
    const { agentId, agentType } = this.definition;
    return agentId === null ? agentType === user.agentType : agentId === user.agentId;
  }

  /** Notes that nothing up to a sequence is wanted and still to come. */
  passed(sequence: number): void {
    this.#scanned = Math.max(this.#scanned, sequence);
  }

  /** Takes over what was committed. */
  advanced(progress: ConsumerProgress): void {
    this.#saved = progress;
    this.passed(progress.sequence);
  }

  /** Wakes whoever waits for it. */
  changed(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Ends it; whoever waits for it is told. */
  delete(): void {
    this.#deleted = true;
    this.changed();
  }

  /** Calls when it has changed; answers what ends the calls. */
  onChange(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => void this.#waiting.delete(wake);
  }
}

function compileInterests(interests: readonly ConsumerInterest[]): EventPredicate {
  const predicates = interests.map(({ event_type, topic, filter }) =>
    compileInterest({ eventType: event_type ?? undefined, topic: topic ?? undefined, filter: filter ?? undefined }),
  );
  const [only] = predicates;
  if (predicates.length === 1 && only) return only;
  return (event: SidecarEvent) => predicates.some((wanted) => wanted(event));
}
