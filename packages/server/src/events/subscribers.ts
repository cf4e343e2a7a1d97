import { and, eq } from 'drizzle-orm';
import type { EventSubscription, SidecarEvent } from '@orchestration-sidecar/shared';
import type { Database } from '../storage/database.ts';
import { subscriptions } from '../storage/schema.ts';
import type { Transaction } from '../storage/writer.ts';
import type { EventPredicate } from './filter.ts';

/** Someone who wants to hear of events while connected. */
export interface LiveSubscriber {
  readonly projectId: string;
  /** Null for the operator, who is not an agent type. */
  readonly agentType: string | null;
  readonly wanted: EventPredicate;
}

interface DurableSubscriber {
  readonly name: string;
  readonly agentType: string;
  readonly interests: readonly EventSubscription[];
}

/** Who listens, live or durably, so that a publisher can be told the truth (DECISIONS 13). */
export class Subscribers {
  readonly #live = new Map<string, Set<LiveSubscriber>>();
  readonly #durable = new Map<string, Map<string, DurableSubscriber>>();
  #liveCount = 0;

  constructor(database: Database) {
    for (const row of database.query.select().from(subscriptions).all()) {
      const interests: EventSubscription[] = JSON.parse(row.interests);
      this.#durableOf(row.projectId).set(row.name, { name: row.name, agentType: row.agentType, interests });
    }
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
  keep(
    transaction: Transaction,
    projectId: string,
    subscriber: { name: string; agentType: string; interests: readonly EventSubscription[]; nowMs: number },
  ): void {
    const { name, agentType, interests, nowMs } = subscriber;
    const values = { projectId, name, agentType, interests: JSON.stringify(interests), createdAtMs: nowMs };
    transaction.database.query
      .insert(subscriptions)
      .values(values)
      .onConflictDoUpdate({
        target: [subscriptions.projectId, subscriptions.name],
        set: values,
      })
      .run();
    transaction.afterCommit(() => void this.#durableOf(projectId).set(name, { name, agentType, interests }));
  }

  /** Ends a kept subscription; ending one that is not there changes nothing. */
  drop(transaction: Transaction, projectId: string, name: string): void {
    transaction.database.query
      .delete(subscriptions)
      .where(and(eq(subscriptions.projectId, projectId), eq(subscriptions.name, name)))
      .run();
    transaction.afterCommit(() => void this.#durableOf(projectId).delete(name));
  }

  /** Agent types with at least one subscription that wants the event, sorted. */
  notified(event: SidecarEvent): string[] {
    const types = new Set<string>();
    for (const { agentType, wanted } of this.#live.get(event.project_id) ?? []) {
      if (agentType !== null && !types.has(agentType) && wanted(event)) types.add(agentType);
    }
    for (const { agentType, interests } of this.#durable.get(event.project_id)?.values() ?? []) {
      if (!types.has(agentType) && interests.some((interest) => covers(interest, event))) types.add(agentType);
    }
    return [...types].toSorted();
  }

  #durableOf(projectId: string): Map<string, DurableSubscriber> {
    const known = this.#durable.get(projectId);
    if (known) return known;
    const made = new Map<string, DurableSubscriber>();
    this.#durable.set(projectId, made);
    return made;
  }
}

function covers(interest: EventSubscription, event: SidecarEvent): boolean {
  return (
    interest.topic === event.topic &&
    (interest.event_types === undefined || interest.event_types.includes(event.event_type))
  );
}
