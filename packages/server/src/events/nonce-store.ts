import { LIMITS, SidecarError } from '@orchestration-sidecar/shared';
import { inArray, lte, sql } from 'drizzle-orm';
import { nonces } from '../storage/schema.ts';
import type { Transaction } from '../storage/writer.ts';

/** What a publisher may add against replays (DECISIONS 16). */
export interface ReplayGuard {
  readonly timestamp?: string | undefined;
  readonly nonce?: string | undefined;
}

/**
 * A nonce is remembered for twice the clock skew: beyond that its timestamp is refused anyway, and a nonce
 * without a timestamp protects for that long.
 */
const KEEP_MS = 2 * LIMITS.maxClockSkewMs;
const ROWID = sql<number>`rowid`;

/**
 * Refuses what was sent before.
 * @param publisher who publishes, in which project.
 * @throws {SidecarError} `TIMESTAMP_OUT_OF_RANGE`, `NONCE_REUSED`.
 */
export function refuseReplay(
  transaction: Transaction,
  publisher: string,
  { timestamp, nonce }: ReplayGuard,
  nowMs: number,
): void {
  if (timestamp !== undefined && Math.abs(Date.parse(timestamp) - nowMs) > LIMITS.maxClockSkewMs) {
    throw new SidecarError('TIMESTAMP_OUT_OF_RANGE');
  }
  if (nonce === undefined) return;
  const { changes } = transaction.database.query
    .insert(nonces)
    .values({ publisher, nonce, expiresAtMs: nowMs + KEEP_MS })
    .onConflictDoNothing()
    .run();
  if (changes === 0) throw new SidecarError('NONCE_REUSED');
}

/** Forgets at most `limit` nonces whose time is over; answers how many. */
export function forgetNonces(transaction: Transaction, nowMs: number, limit: number): number {
  const { query } = transaction.database;
  const over = query.select({ rowid: ROWID }).from(nonces).where(lte(nonces.expiresAtMs, nowMs)).limit(limit);
  return query.delete(nonces).where(inArray(ROWID, over)).run().changes;
}
