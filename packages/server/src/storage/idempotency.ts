import { createHash } from 'node:crypto';
import { SidecarError } from '@orchestration-sidecar/shared';
import { and, eq, inArray, lte, sql } from 'drizzle-orm';
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
  const { query } = transaction.database;
  const requestHash = hashOf(keyed.request);
  const row = query
    .select()
    .from(idempotency)
    .where(
      and(
        eq(idempotency.caller, keyed.caller),
        eq(idempotency.procedure, keyed.procedure),
        eq(idempotency.key, keyed.key),
      ),
    )
    .get();
  if (row && row.expiresAtMs > keyed.nowMs) {
    if (row.requestHash !== requestHash) throw new SidecarError('IDEMPOTENCY_CONFLICT');
    return readStored<T>(row.answer);
  }
  const answer = work();
  const values = {
    caller: keyed.caller,
    procedure: keyed.procedure,
    key: keyed.key,
    requestHash,
    answer: JSON.stringify(answer),
    expiresAtMs: keyed.nowMs + KEEP_MS,
  };
  query
    .insert(idempotency)
    .values(values)
    .onConflictDoUpdate({ target: [idempotency.caller, idempotency.procedure, idempotency.key], set: values })
    .run();
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
