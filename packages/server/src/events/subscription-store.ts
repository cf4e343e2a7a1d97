import { and, eq } from 'drizzle-orm';
import type { EventSubscription } from '@orchestration-sidecar/shared';
import type { Database } from '../storage/database.ts';
import { subscriptions } from '../storage/schema.ts';
import { readStored } from '../storage/stored-json.ts';
import type { Transaction } from '../storage/writer.ts';

/** A subscription that outlives connections. */
export interface KeptSubscription {
  readonly projectId: string;
  /** Name of its owner: an agent id. */
  readonly name: string;
  readonly agentType: string;
  readonly interests: readonly EventSubscription[];
}

/** Kept subscriptions in SQLite. */
export class SubscriptionStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** All kept subscriptions. */
  all(): KeptSubscription[] {
    return this.#database.query
      .select()
      .from(subscriptions)
      .all()
      .map((row) => ({ ...row, interests: readStored<EventSubscription[]>(row.interests) }));
  }

  /** Adds one, or replaces the one of the same name. */
  put(transaction: Transaction, kept: KeptSubscription, nowMs: number): void {
    const { projectId, name, agentType, interests } = kept;
    const values = { projectId, name, agentType, interests: JSON.stringify(interests), createdAtMs: nowMs };
    const target = [subscriptions.projectId, subscriptions.name];
    transaction.database.query.insert(subscriptions).values(values).onConflictDoUpdate({ target, set: values }).run();
  }

  /** Removes one; removing one that is not there changes nothing. */
  remove(transaction: Transaction, projectId: string, name: string): void {
    const where = and(eq(subscriptions.projectId, projectId), eq(subscriptions.name, name));
    transaction.database.query.delete(subscriptions).where(where).run();
  }
}
