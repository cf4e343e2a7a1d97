import { decodeJwt, jwtVerify, SignJWT, errors } from 'jose';
import { LRUCache } from 'lru-cache';
import { LIMITS, SidecarError, TokenClaims, type Permission } from '@orchestration-sidecar/shared';
import type { Clock } from '../runtime/clock.ts';
import type { Ids } from '../runtime/ids.ts';
import type { AgentPrincipal } from '../runtime/principal.ts';
import type { Transaction, Writer } from '../storage/writer.ts';
import type { AuditLog } from './audit/audit-log.ts';
import type { SigningKeys } from './signing-keys.ts';
import type { TokenSelection, TokenStore } from './token-store.ts';

const ISSUER = 'orchestration-sidecar';
const AUDIENCE = 'orchestration-sidecar/api';
const ALGORITHM = 'RS256';
/** How far the clocks of signer and verifier may differ; they are the same machine’s. */
const CLOCK_TOLERANCE_SECONDS = 5;
/** How long the old token still works after a refresh, so that requests under way do not fail. */
const REFRESH_OVERLAP_MS = 60_000;
/**
 * Tokens that one agent gets within {@link REFRESH_OVERLAP_MS}. One that was refreshed can be refreshed again while it
 * overlaps, for an answer may get lost; without a bound that fills memory, store and audit log.
 */
const MAX_ISSUED = 32;
/** How long a key that no longer signs still verifies: as long as the last token it signed. */
export const KEY_OVERLAP_MS = (LIMITS.tokenTtlSeconds + CLOCK_TOLERANCE_SECONDS) * 1000;

/** Whom a token is for. */
export interface TokenSubject {
  readonly agentId: string;
  readonly agentType: string;
  readonly projectId: string;
  readonly permissions: readonly Permission[];
}

/** An issued token. */
export interface IssuedToken {
  readonly token: string;
  readonly expiresAtMs: number;
}

interface Issued {
  readonly expiresAtMs: number;
  revokedAtMs: number | null;
}

/** What the tokens need. */
export interface TokensNeeds {
  readonly store: TokenStore;
  readonly writer: Writer;
  readonly keys: SigningKeys;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Where minting and ending go on record, in the same transaction. */
  readonly audit?: Pick<AuditLog, 'append' | 'record'>;
}

/**
 * Agent tokens: RS256 JWTs of one hour (DECISIONS 17). Every token that was issued and has not expired is known by
 * its `jti`, so that revoking one takes effect at once, on open subscriptions too.
 */
export class Tokens {
  readonly #needs: TokensNeeds;
  readonly #issued = new Map<string, Issued>();
  readonly #verified = new LRUCache<string, AgentPrincipal>({ max: 4096 });
  readonly #watchers = new Map<string, Set<() => void>>();

  constructor(needs: TokensNeeds) {
    this.#needs = needs;
    for (const { jti, expiresAtMs, revokedAtMs } of needs.store.unexpired(needs.clock.nowMs())) {
      this.#issued.set(jti, { expiresAtMs, revokedAtMs });
    }
  }

  /** Mints a token. */
  async issue(subject: TokenSubject): Promise<IssuedToken> {
    const { jti, token, expiresAtMs } = await this.#sign(subject);
    await this.#needs.writer.write((transaction) => this.#note(transaction, jti, subject, expiresAtMs));
    return { token, expiresAtMs };
  }

  /**
   * Who a token is of that was verified before; undefined for any other.
   * @throws {SidecarError} `TOKEN_EXPIRED`, `TOKEN_REVOKED` when it does not hold any more.
   */
  remembered(token: string): AgentPrincipal | undefined {
    const principal = this.#verified.get(token);
    const fault = principal && this.fault(principal);
    if (fault) throw fault;
    return principal;
  }

  /**
   * Verifies a token; the outcome of the signature check is remembered until the token expires.
   * @throws {SidecarError} `TOKEN_INVALID`, `TOKEN_EXPIRED`, `TOKEN_REVOKED`.
   */
  async verify(token: string): Promise<AgentPrincipal> {
    const remembered = this.remembered(token);
    if (remembered) return remembered;
    const principal = await this.#checkSignature(token);
    const fault = this.fault(principal);
    if (fault) throw fault;
    return principal;
  }

  /** Why a verified token does not hold any more, or `undefined` while it does. */
  fault(principal: AgentPrincipal): SidecarError | undefined {
    const nowMs = this.#needs.clock.nowMs();
    if (principal.expiresAtMs <= nowMs) return new SidecarError('TOKEN_EXPIRED');
    const issued = this.#issued.get(principal.tokenId);
    if (!issued) return new SidecarError('TOKEN_INVALID');
    return issued.revokedAtMs !== null && issued.revokedAtMs <= nowMs ? new SidecarError('TOKEN_REVOKED') : undefined;
  }

  /**
   * Issues the next token of the same agent; the old one ends after a short overlap.
   * @param permissions what the next token may, of what the old one may. Default: all of it.
   * @throws {SidecarError} `TOKEN_REVOKED` when the old one was revoked meanwhile: an agent’s tokens die with it;
   * `RATE_LIMITED` when the agent got too many of late.
   */
  async refresh(principal: AgentPrincipal, permissions = principal.permissions): Promise<IssuedToken> {
    const { clock, store, writer } = this.#needs;
    // Before it costs a signature, and again where nothing can come in between.
    this.#mustHaveFew(principal);
    const { jti, token, expiresAtMs } = await this.#sign({ ...principal, permissions });
    await writer.write((transaction) => {
      const nowMs = clock.nowMs();
      if (!store.holds(transaction, principal.tokenId, nowMs)) throw new SidecarError('TOKEN_REVOKED');
      this.#mustHaveFew(principal);
      this.#note(transaction, jti, principal, expiresAtMs);
      this.#end(transaction, { tokenId: principal.tokenId }, nowMs + REFRESH_OVERLAP_MS);
    });
    return { token, expiresAtMs };
  }

  /** Ends tokens now, whoever holds something open with them included; answers how many. */
  revoke(which: TokenSelection): Promise<number> {
    const { clock, writer } = this.#needs;
    return writer.write((transaction) => this.#end(transaction, which, clock.nowMs()));
  }

  /** Ends all tokens of an agent: they die with its process. */
  async revokeAgent(agentId: string): Promise<void> {
    await this.revoke({ agentId });
  }

  /**
   * Lets a new key sign from now on. Tokens of the one before are good until they expire, unless it has leaked: then
   * all tokens end.
   */
  async rotateKeys(options: { readonly leaked: boolean }): Promise<void> {
    const { kid } = await this.#needs.keys.rotate(options);
    const detail = options.leaked ? 'the keys before have leaked' : null;
    await this.#needs.audit?.record({ action: 'key.rotated', target: kid, detail });
    if (!options.leaked) return;
    this.#verified.clear();
    await this.revoke('all');
  }

  /**
   * A signal that aborts, with the typed error as its reason, when the token expires or is revoked. For whatever
   * stays open longer than one request.
   */
  lifetime(principal: AgentPrincipal): { signal: AbortSignal; release(): void } {
    const { clock } = this.#needs;
    const controller = new AbortController();
    const check = (): void => {
      const fault = this.fault(principal);
      if (fault) controller.abort(fault);
    };
    const watchers = this.#watchers.get(principal.tokenId) ?? new Set();
    this.#watchers.set(principal.tokenId, watchers.add(check));
    const timer = clock.after(Math.max(0, principal.expiresAtMs - clock.nowMs()) + 1, check);
    check();
    return {
      signal: controller.signal,
      release: () => {
        timer.cancel();
        watchers.delete(check);
        if (watchers.size === 0) this.#watchers.delete(principal.tokenId);
      },
    };
  }

  /** Forgets tokens that have expired and keys that no longer verify; lets a new key sign when the active one is old. */
  async keepUp(maxKeyAgeMs: number): Promise<void> {
    const { clock, keys, store, writer } = this.#needs;
    const nowMs = clock.nowMs();
    if (nowMs - keys.active.sinceMs > maxKeyAgeMs) await this.rotateKeys({ leaked: false });
    keys.forgetFormer();
    await writer.write((transaction) => store.forgetExpired(transaction, nowMs));
    for (const [jti, issued] of this.#issued) if (issued.expiresAtMs <= nowMs) this.#issued.delete(jti);
  }

  #mustHaveFew({ agentId }: AgentPrincipal): void {
    const { store, clock } = this.#needs;
    const expiryOfOldestMs = clock.nowMs() - REFRESH_OVERLAP_MS + LIMITS.tokenTtlSeconds * 1000;
    if (store.countExpiringAfter(agentId, expiryOfOldestMs) < MAX_ISSUED) return;
    const detail = `The agent got ${MAX_ISSUED} tokens within a minute. Use the newest.`;
    throw new SidecarError('RATE_LIMITED', detail, { extension: { retry_after_seconds: REFRESH_OVERLAP_MS / 1000 } });
  }

  async #sign(subject: TokenSubject): Promise<IssuedToken & { readonly jti: string }> {
    const { keys, clock, ids } = this.#needs;
    const jti = ids.uuid();
    const issuedAt = Math.floor(clock.nowMs() / 1000);
    const expiresAt = issuedAt + LIMITS.tokenTtlSeconds;
    const { kid, privateKey } = keys.active;
    const token = await new SignJWT({
      agent_type: subject.agentType,
      project_id: subject.projectId,
      permissions: [...subject.permissions],
    })
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT', kid })
      .setSubject(subject.agentId)
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setJti(jti)
      .setIssuedAt(issuedAt)
      .setNotBefore(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(privateKey);
    return { jti, token, expiresAtMs: expiresAt * 1000 };
  }

  #note(transaction: Transaction, jti: string, { agentId, projectId }: TokenSubject, expiresAtMs: number): void {
    this.#needs.store.insert(transaction, { jti, agentId, projectId, expiresAtMs });
    this.#needs.audit?.append(transaction, {
      action: 'token.issued',
      project_id: projectId,
      target: agentId,
      detail: jti,
    });
    transaction.afterCommit(() => void this.#issued.set(jti, { expiresAtMs, revokedAtMs: null }));
  }

  async #checkSignature(token: string): Promise<AgentPrincipal> {
    const { keys, clock } = this.#needs;
    try {
      // A forged one names no id that was issued, and is refused before anything is computed for it.
      const { jti, exp = Infinity } = decodeJwt(token);
      const issued = jti === undefined ? undefined : this.#issued.get(jti);
      if (!issued) {
        throw new SidecarError(exp * 1000 <= clock.nowMs() ? 'TOKEN_EXPIRED' : 'TOKEN_INVALID');
      }
      const { payload } = await jwtVerify(
        token,
        (header) => {
          const key = keys.find(header.kid);
          if (!key) throw new SidecarError('TOKEN_INVALID');
          return key.publicKey;
        },
        {
          algorithms: [ALGORITHM],
          issuer: ISSUER,
          audience: AUDIENCE,
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
          // A clock that was set back since it was issued here does not make it one of the future.
          currentDate: new Date(Math.max(clock.nowMs(), issued.expiresAtMs - LIMITS.tokenTtlSeconds * 1000)),
        },
      );
      const claims = TokenClaims.parse(payload);
      const principal: AgentPrincipal = {
        kind: 'agent',
        agentId: claims.sub,
        agentType: claims.agent_type,
        projectId: claims.project_id,
        permissions: claims.permissions,
        tokenId: claims.jti,
        expiresAtMs: claims.exp * 1000,
      };
      this.#verified.set(token, principal);
      return principal;
    } catch (cause) {
      if (cause instanceof SidecarError) throw cause;
      throw new SidecarError(cause instanceof errors.JWTExpired ? 'TOKEN_EXPIRED' : 'TOKEN_INVALID', undefined, {
        cause,
      });
    }
  }

  #end(transaction: Transaction, which: TokenSelection, atMs: number): number {
    const { store, clock } = this.#needs;
    const jtis = store.revoke(transaction, which, atMs);
    if (jtis.length > 0) {
      const target = which === 'all' ? 'all' : (Object.values(which)[0] ?? null);
      this.#needs.audit?.append(transaction, { action: 'token.revoked', target, count: jtis.length });
    }
    transaction.afterCommit(() => {
      for (const jti of jtis) {
        const issued = this.#issued.get(jti);
        if (issued) issued.revokedAtMs = atMs;
        const check = (): void => this.#watchers.get(jti)?.forEach((watcher) => watcher());
        if (atMs > clock.nowMs()) clock.after(atMs - clock.nowMs() + 1, check);
        else check();
      }
    });
    return jtis.length;
  }
}
