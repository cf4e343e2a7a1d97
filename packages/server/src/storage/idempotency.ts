import { createHash } from 'node:crypto';
import { SidecarError } from '@orchestration-sidecar/shared';
import type Sqlite from 'better-sqlite3';
import { inArray, lte, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { idempotency } from './schema.ts';
import { readStored } from './stored-json.ts';
import type { Transaction } from './writer.ts';

/** How long a first outcome is remembered. */
const KEEP_MS = 24 * 60 * 60 * 1000;
const ROWID = sql<number>`rowid`;

/** A request that carries an idempotency key. */
export interface KeyedRequest {
  /** Scope of the key: who calls, in which project. */
  readonly caller: string;
  readonly procedure: string;
  readonly key: string;
  /** The request without its key; the same key must come with the same request. */
  readonly request: unknown;
  readonly nowMs: number;
}

/**
 * Does the work once per key: the first request does it and its outcome is remembered in the same transaction,
 * later ones get that outcome (DECISIONS 15). A request without a key is always the first.
 * @throws {SidecarError} `IDEMPOTENCY_CONFLICT` when the key came with another request.
 */
export function once<T>(transaction: Transaction, keyed: KeyedRequest | undefined, work: () => T): T {
  if (!keyed) return work();
  const { find, put } = statementsOf(transaction.database);
  const { caller, procedure, key, nowMs } = keyed;
  const requestHash = hashOf(keyed.request);
  const row = find.get(caller, procedure, key);
  if (row && row.expires_at_ms > nowMs) {
    if (row.request_hash !== requestHash) throw new SidecarError('IDEMPOTENCY_CONFLICT');
    return readStored<T>(row.answer);
  }
  const answer = work();
  put.run(caller, procedure, key, requestHash, JSON.stringify(answer), nowMs + KEEP_MS);
  return answer;
}

/** Forgets at most `limit` outcomes that are older than a day; answers how many. */
export function forgetOutcomes(transaction: Transaction, nowMs: number, limit: number): number {
  const { query } = transaction.database;
  const over = query.select({ rowid: ROWID }).from(idempotency).where(lte(idempotency.expiresAtMs, nowMs)).limit(limit);
  return query.delete(idempotency).where(inArray(ROWID, over)).run().changes;
}

/** Hash of a JSON value that does not depend on the order of keys (after RFC 8785). */
function hashOf(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(value)) ?? 'undefined')
    .digest('base64url');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}

interface Statements {
  readonly find: Sqlite.Statement<
    [caller: string, procedure: string, key: string],
    { request_hash: string; answer: string; expires_at_ms: number }
  >;
  readonly put: Sqlite.Statement<
    [caller: string, procedure: string, key: string, requestHash: string, answer: string, expiresAtMs: number]
  >;
}

const prepared = new WeakMap<Database, Statements>();

/** Prepared once for each store: every publication of an SDK client carries a key. */
function statementsOf(database: Database): Statements {
  const known = prepared.get(database);
  if (known) return known;
  const { driver } = database;
  const statements: Statements = {
    find: driver.prepare(
      'select request_hash, answer, expires_at_ms from idempotency where caller = ? and procedure = ? and key = ?',
    ),
    put: driver.prepare(
      `insert into idempotency (caller, procedure, key, request_hash, answer, expires_at_ms) values (?, ?, ?, ?, ?, ?)
       on conflict do update set request_hash = excluded.request_hash, answer = excluded.answer,
       expires_at_ms = excluded.expires_at_ms`,
    ),
  };
  prepared.set(database, statements);
  return statements;
}
