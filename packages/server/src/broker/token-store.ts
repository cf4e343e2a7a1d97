import { and, count, eq, gt, isNull, lte, or, type SQL } from 'drizzle-orm';
import type { Database } from '../storage/database.ts';
import { tokens } from '../storage/schema.ts';
import type { Transaction } from '../storage/writer.ts';

/** An issued token as the store keeps it; the token itself is not kept. */
export type TokenRow = typeof tokens.$inferSelect;

/** Which tokens: one, an agent’s, a project’s, or all. */
export type TokenSelection =
  | { readonly tokenId: string }
  | { readonly agentId: string }
  | { readonly projectId: string }
  | 'all';

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

  /** Whether a token was issued, has not expired and is not revoked, as the transaction sees it. */
  holds(transaction: Transaction, tokenId: string, nowMs: number): boolean {
    const row = transaction.database.query
      .select({ jti: tokens.jti })
      .from(tokens)
      .where(and(eq(tokens.jti, tokenId), lastsBeyond(nowMs)))
      .get();
    return row !== undefined;
  }

  /** How many tokens of an agent expire after a time, revoked ones too. */
  countExpiringAfter(agentId: string, atMs: number): number {
    const where = and(eq(tokens.agentId, agentId), gt(tokens.expiresAtMs, atMs));
    return this.#database.query.select({ n: count() }).from(tokens).where(where).get()?.n ?? 0;
  }

  /** Notes an issued token. */
  insert(transaction: Transaction, token: Omit<TokenRow, 'revokedAtMs'>): void {
    transaction.database.query.insert(tokens).values(token).run();
  }

  /**
   * Notes when tokens end before their time; an earlier end stays. The transaction selects them, so that one that was
   * issued just before cannot slip through.
   * @returns ids of those that it shortens.
   */
  revoke(transaction: Transaction, which: TokenSelection, atMs: number): string[] {
    return transaction.database.query
      .update(tokens)
      .set({ revokedAtMs: atMs })
      .where(and(matching(which), lastsBeyond(atMs)))
      .returning({ jti: tokens.jti })
      .all()
      .map(({ jti }) => jti);
  }

  /** Forgets tokens that have expired. */
  forgetExpired(transaction: Transaction, nowMs: number): void {
    transaction.database.query.delete(tokens).where(lte(tokens.expiresAtMs, nowMs)).run();
  }
}

function lastsBeyond(atMs: number): SQL | undefined {
  return and(gt(tokens.expiresAtMs, atMs), or(isNull(tokens.revokedAtMs), gt(tokens.revokedAtMs, atMs)));
}

function matching(which: TokenSelection): SQL | undefined {
  if (which === 'all') return undefined;
  if ('tokenId' in which) return eq(tokens.jti, which.tokenId);
  return 'agentId' in which ? eq(tokens.agentId, which.agentId) : eq(tokens.projectId, which.projectId);
}
