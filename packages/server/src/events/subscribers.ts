import type { SidecarEvent } from '@orchestration-sidecar/shared';
import type { EventPredicate } from './filter.ts';

/** Someone who wants to hear of events while connected. */
export interface LiveSubscriber {
  readonly projectId: string;
  /** Null for the operator, who is not an agent type. */
  readonly agentType: string | null;
  readonly wanted: EventPredicate;
}

/** Who hears of events also while not connected. */
export interface DurableSubscribers {
  /** Agent types with a durable consumer that wants the event; may repeat. */
  agentTypesWanting(event: SidecarEvent): readonly string[];
}

/** Who listens, live or durably, so that a publisher can be told the truth (DECISIONS 13). */
export class Subscribers {
  readonly #live = new Map<string, Set<LiveSubscriber>>();
  readonly #durable: DurableSubscribers;
  #liveCount = 0;

  constructor(durable: DurableSubscribers) {
    this.#durable = durable;
  }

  /** Live subscriptions of all projects. */
  get liveCount(): number {
    return this.#liveCount;
  }

  /** Adds a live subscriber; answers what takes it away. */
  join(subscriber: LiveSubscriber): () => void {
    const live = this.#live.get(subscriber.projectId) ?? new Set();
    this.#live.set(subscriber.projectId, live.add(subscriber));
    this.#liveCount += 1;
    return () => {
      if (live.delete(subscriber)) this.#liveCount -= 1;
    };
  }

  /** Agent types with at least one subscription that wants the event, sorted. */
  notified(event: SidecarEvent): string[] {
    const durable = this.#durable.agentTypesWanting(event);
    const live = this.#live.get(event.project_id);
    if (durable.length === 0 && !live?.size) return [];
    const types = new Set(durable);
    for (const { agentType, wanted } of live ?? []) {
      if (agentType !== null && !types.has(agentType) && wanted(event)) types.add(agentType);
    }
    return [...types].toSorted();
  }
}
