import { and, asc, desc, eq, gt, gte, lt, lte, sql, type SQL } from 'drizzle-orm';
import { AuditRecord } from '@orchestration-sidecar/shared';
import type { Database } from '../../storage/database.ts';
import { audit } from '../../storage/schema.ts';
import type { Transaction } from '../../storage/writer.ts';

/** A record as the store keeps it. */
export type AuditRow = typeof audit.$inferSelect;

/** Which records; every condition holds. */
export interface AuditQuery {
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly outcome?: string | undefined;
  readonly project_id?: string | undefined;
  readonly since?: string | undefined;
  readonly before?: number | undefined;
  readonly limit: number;
}

/** Audit records in SQLite. */
export class AuditStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  insert(transaction: Transaction, row: AuditRow): void {
    transaction.database.query.insert(audit).values(row).run();
  }

  /** The newest record. */
  head(): AuditRow | undefined {
    return this.#database.query.select().from(audit).orderBy(desc(audit.sequence)).limit(1).get();
  }

  find(sequence: number): AuditRow | undefined {
    return this.#database.query.select().from(audit).where(eq(audit.sequence, sequence)).get();
  }

  /** Records after a place, the oldest first. */
  after(sequence: number, limit: number): AuditRow[] {
    const { query } = this.#database;
    return query
      .select()
      .from(audit)
      .where(gt(audit.sequence, sequence))
      .orderBy(asc(audit.sequence))
      .limit(limit)
      .all();
  }

  /** The newest record of an action. */
  newestOf(action: string): AuditRow | undefined {
    const { query } = this.#database;
    return query
      .select()
      .from(audit)
      .where(eq(field('action'), action))
      .orderBy(desc(audit.sequence))
      .limit(1)
      .get();
  }

  /** Records, the newest first. */
  list(which: AuditQuery): AuditRecord[] {
    const conditions = [
      which.actor === undefined ? undefined : eq(field('actor'), which.actor),
      which.action === undefined ? undefined : eq(field('action'), which.action),
      which.outcome === undefined ? undefined : eq(field('outcome'), which.outcome),
      which.project_id === undefined ? undefined : eq(field('project_id'), which.project_id),
      which.since === undefined ? undefined : gte(audit.atMs, Date.parse(which.since)),
      which.before === undefined ? undefined : lt(audit.sequence, which.before),
    ];
    return this.#database.query
      .select()
      .from(audit)
      .where(and(...conditions))
      .orderBy(desc(audit.sequence))
      .limit(which.limit)
      .all()
      .flatMap(({ body }) => readRecord(body) ?? []);
  }

  /** Those of at most `limit` records after a place, the oldest first, that are older than a time or stand before a place. */
  toForget(after: number, which: { beforeMs: number; surplus: number }, limit: number): AuditRow[] {
    const rows = this.after(after, limit);
    const last = rows.findLastIndex(({ atMs, sequence }) => atMs < which.beforeMs || sequence <= which.surplus);
    return rows.slice(0, last + 1);
  }

  /** Removes records up to a place. */
  removeUpTo(transaction: Transaction, sequence: number): void {
    transaction.database.query.delete(audit).where(lte(audit.sequence, sequence)).run();
  }
}

/** The record in a stored text; undefined when it is none any more. */
export function readRecord(body: string): AuditRecord | undefined {
  try {
    return AuditRecord.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}

function field(name: 'actor' | 'action' | 'outcome' | 'project_id'): SQL<string> {
  return sql<string>`case when json_valid(${audit.body}) then json_extract(${audit.body}, ${`$.${name}`}) end`;
}
