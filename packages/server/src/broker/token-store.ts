import { and, eq, gt, isNull, lte, or } from 'drizzle-orm';
import type { Database } from '../storage/database.ts';
import { tokens } from '../storage/schema.ts';
import type { Transaction } from '../storage/writer.ts';

/** An issued token as the store keeps it; the token itself is not kept. */
export type TokenRow = typeof tokens.$inferSelect;

/** Issued tokens in SQLite, so that revoking one survives a restart. */
export class TokenStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Tokens that have not expired. */
  unexpired(nowMs: number): TokenRow[] {
    return this.#database.query.select().from(tokens).where(gt(tokens.expiresAtMs, nowMs)).all();
  }

  /** Notes an issued token. */
  insert(transaction: Transaction, token: Omit<TokenRow, 'revokedAtMs'>): void {
    transaction.database.query.insert(tokens).values(token).run();
  }

  /** Notes when a token ends before its time; an earlier end stays. */
  revoke(transaction: Transaction, jti: string, atMs: number): void {
    const later = or(isNull(tokens.revokedAtMs), gt(tokens.revokedAtMs, atMs));
    transaction.database.query
      .update(tokens)
      .set({ revokedAtMs: atMs })
      .where(and(eq(tokens.jti, jti), later))
      .run();
  }

  /** Forgets tokens that have expired. */
  forgetExpired(transaction: Transaction, nowMs: number): void {
    transaction.database.query.delete(tokens).where(lte(tokens.expiresAtMs, nowMs)).run();
  }
}
