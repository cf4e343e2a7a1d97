import type { EventSubscription, SidecarEvent } from '@orchestration-sidecar/shared';
import type { Transaction } from '../storage/writer.ts';
import type { EventPredicate } from './filter.ts';
import type { KeptSubscription, SubscriptionStore } from './subscription-store.ts';

/** Someone who wants to hear of events while connected. */
export interface LiveSubscriber {
  readonly projectId: string;
  /** Null for the operator, who is not an agent type. */
  readonly agentType: string | null;
  readonly wanted: EventPredicate;
}

/** Who listens, live or durably, so that a publisher can be told the truth (DECISIONS 13). */
export class Subscribers {
  readonly #live = new Map<string, Set<LiveSubscriber>>();
  readonly #store: SubscriptionStore;
  readonly #kept = new Map<string, Map<string, KeptSubscription>>();
  #liveCount = 0;

  constructor(store: SubscriptionStore) {
    this.#store = store;
    for (const kept of store.all()) this.#keptOf(kept.projectId).set(kept.name, kept);
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

  /** Keeps a subscription by name, so that what is published before its owner connects counts as heard. */
  keep(transaction: Transaction, kept: KeptSubscription, nowMs: number): void {
    this.#store.put(transaction, kept, nowMs);
    transaction.afterCommit(() => void this.#keptOf(kept.projectId).set(kept.name, kept));
  }

  /** Ends a kept subscription; ending one that is not there changes nothing. */
  drop(transaction: Transaction, projectId: string, name: string): void {
    this.#store.remove(transaction, projectId, name);
    transaction.afterCommit(() => void this.#keptOf(projectId).delete(name));
  }

  /** Agent types with at least one subscription that wants the event, sorted. */
  notified(event: SidecarEvent): string[] {
    const types = new Set<string>();
    for (const { agentType, wanted } of this.#live.get(event.project_id) ?? []) {
      if (agentType !== null && !types.has(agentType) && wanted(event)) types.add(agentType);
    }
    for (const { agentType, interests } of this.#kept.get(event.project_id)?.values() ?? []) {
      if (!types.has(agentType) && interests.some((interest) => covers(interest, event))) types.add(agentType);
    }
    return [...types].toSorted();
  }

  #keptOf(projectId: string): Map<string, KeptSubscription> {
    const known = this.#kept.get(projectId);
    if (known) return known;
    const made = new Map<string, KeptSubscription>();
    this.#kept.set(projectId, made);
    return made;
  }
}

function covers(interest: EventSubscription, event: SidecarEvent): boolean {
  return (
    interest.topic === event.topic &&
    (interest.event_types === undefined || interest.event_types.includes(event.event_type))
  );
}
