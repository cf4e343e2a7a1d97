import { jwtVerify, SignJWT, errors } from 'jose';
import { LRUCache } from 'lru-cache';
import { LIMITS, SidecarError, TokenClaims, type Permission } from '@orchestration-sidecar/shared';
import type { Clock } from '../runtime/clock.ts';
import type { Ids } from '../runtime/ids.ts';
import type { AgentPrincipal } from '../runtime/principal.ts';
import type { Writer } from '../storage/writer.ts';
import type { SigningKeys } from './signing-keys.ts';
import type { TokenStore } from './token-store.ts';

const ISSUER = 'orchestration-sidecar';
const AUDIENCE = 'orchestration-sidecar/api';
const ALGORITHM = 'RS256';
/** How far the clocks of signer and verifier may differ; they are the same machine’s. */
const CLOCK_TOLERANCE_SECONDS = 5;
/** How long the old token still works after a refresh, so that requests under way do not fail. */
const REFRESH_OVERLAP_MS = 60_000;

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
  readonly agentId: string;
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
    for (const { jti, agentId, expiresAtMs, revokedAtMs } of needs.store.unexpired(needs.clock.nowMs())) {
      this.#issued.set(jti, { agentId, expiresAtMs, revokedAtMs });
    }
  }

  /** Mints a token. */
  async issue(subject: TokenSubject): Promise<IssuedToken> {
    const { keys, clock, ids, store, writer } = this.#needs;
    const jti = ids.uuid();
    const issuedAt = Math.floor(clock.nowMs() / 1000);
    const expiresAt = issuedAt + LIMITS.tokenTtlSeconds;
    const expiresAtMs = expiresAt * 1000;
    const token = await new SignJWT({
      agent_type: subject.agentType,
      project_id: subject.projectId,
      permissions: [...subject.permissions],
    })
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT', kid: keys.active.kid })
      .setSubject(subject.agentId)
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setJti(jti)
      .setIssuedAt(issuedAt)
      .setNotBefore(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(keys.active.privateKey);
    const { agentId, projectId } = subject;
    await writer.write((transaction) => {
      store.insert(transaction, { jti, agentId, projectId, expiresAtMs });
      transaction.afterCommit(() => void this.#issued.set(jti, { agentId, expiresAtMs, revokedAtMs: null }));
    });
    return { token, expiresAtMs };
  }

  /**
   * Verifies a token; the outcome of the signature check is remembered until the token expires.
   * @throws {SidecarError} `TOKEN_INVALID`, `TOKEN_EXPIRED`, `TOKEN_REVOKED`.
   */
  async verify(token: string): Promise<AgentPrincipal> {
    const principal = this.#verified.get(token) ?? (await this.#checkSignature(token));
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

  /** Issues the next token of the same agent; the old one ends after a short overlap. */
  async refresh(principal: AgentPrincipal): Promise<IssuedToken> {
    const next = await this.issue(principal);
    await this.#revoke([principal.tokenId], this.#needs.clock.nowMs() + REFRESH_OVERLAP_MS);
    return next;
  }

  /** Ends all tokens of an agent: they die with its process. */
  async revokeAgent(agentId: string): Promise<void> {
    const ids = [...this.#issued].filter(([, issued]) => issued.agentId === agentId).map(([jti]) => jti);
    await this.#revoke(ids, this.#needs.clock.nowMs());
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

  /** Forgets tokens that have expired. */
  async forgetExpired(): Promise<void> {
    const nowMs = this.#needs.clock.nowMs();
    await this.#needs.writer.write((transaction) => this.#needs.store.forgetExpired(transaction, nowMs));
    for (const [jti, issued] of this.#issued) if (issued.expiresAtMs <= nowMs) this.#issued.delete(jti);
  }

  async #checkSignature(token: string): Promise<AgentPrincipal> {
    const { keys, clock } = this.#needs;
    try {
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
          currentDate: new Date(clock.nowMs()),
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
      throw new SidecarError(cause instanceof errors.JWTExpired ? 'TOKEN_EXPIRED' : 'TOKEN_INVALID', undefined, {
        cause,
      });
    }
  }

  async #revoke(jtis: readonly string[], atMs: number): Promise<void> {
    if (jtis.length === 0) return;
    const { store, writer, clock } = this.#needs;
    await writer.write((transaction) => {
      for (const jti of jtis) store.revoke(transaction, jti, atMs);
      transaction.afterCommit(() => {
        for (const jti of jtis) {
          const issued = this.#issued.get(jti);
          if (issued) issued.revokedAtMs = Math.min(issued.revokedAtMs ?? Infinity, atMs);
          const check = (): void => this.#watchers.get(jti)?.forEach((watcher) => watcher());
          if (atMs > clock.nowMs()) clock.after(atMs - clock.nowMs() + 1, check);
          else check();
        }
      });
    });
  }
}
