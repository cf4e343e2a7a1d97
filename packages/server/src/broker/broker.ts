import {
  mayPublish,
  SIDECAR_PUBLISHER,
  SidecarError,
  type Access,
  type JsonObject,
  type Procedure,
  type Profile,
} from '@orchestration-sidecar/shared';
import { holds, principalName, type KnownPrincipal, type Principal } from '../runtime/principal.ts';
import { overloaded, type AdmissionQueue } from './admission-queue.ts';
import { BodyRoom } from './body-room.ts';
import type { CallerQueues } from './caller-queues.ts';
import type { MemoryState, MemoryWatch } from './memory-watch.ts';
import type { RateLimits } from './rate-limits.ts';
import type { OperatorToken } from './operator-token.ts';
import type { Tokens } from './tokens.ts';

/** What the profiles say of an agent type’s publishing. */
export interface Publishers {
  get(agentType: string): Pick<Profile, 'publishes'> | undefined;
}

/** What the broker needs. */
export interface BrokerNeeds {
  readonly tokens: Tokens;
  readonly operatorToken: OperatorToken;
  readonly profiles: Publishers;
  readonly rateLimits: RateLimits;
  readonly queue: AdmissionQueue;
  /** Places of each caller for answers that may be large, and those of an agent for calls that wait. */
  readonly answers: CallerQueues;
  readonly waits: CallerQueues;
  readonly memory: Pick<MemoryWatch, 'isHigh' | 'reading'>;
}

/** What the broker has to do, and what it has refused since the start. */
export interface BrokerLoad {
  /** Requests that are worked on, and that wait for their turn. */
  readonly running: number;
  readonly waiting: number;
  /** Requests refused for there being too much to do. */
  readonly shed: number;
  /** Requests refused for coming too often. */
  readonly limited: number;
  readonly memory: MemoryState;
}

const NOTHING = (): void => {};

/** How nearly every caller writes it. */
const BEARER = 'Bearer ';
/** Longest bearer token that is looked at. */
const MAX_TOKEN_CHARS = 8192;

/** Who are you, may you, not so fast, in the queue. Every door asks here, and nowhere else. */
export class Broker {
  readonly #needs: BrokerNeeds;
  readonly #leave: () => void;
  readonly #bodies = new BodyRoom();
  #shedCount = 0;

  constructor(needs: BrokerNeeds) {
    this.#needs = needs;
    this.#leave = () => needs.queue.leave();
  }

  /**
   * Finds out who calls; at once, without a promise, where a token was verified before.
   * @param authorization value of the `Authorization` header (RFC 6750).
   * @throws {SidecarError} `TOKEN_INVALID`, `TOKEN_EXPIRED`, `TOKEN_REVOKED`.
   */
  authenticate(authorization: string | undefined): Principal | Promise<Principal> {
    if (authorization === undefined || authorization === '') return { kind: 'anonymous' };
    // Nearly every call: nothing is matched or hashed for it, the operator’s token is not among those remembered.
    if (authorization.startsWith(BEARER)) {
      const remembered = this.#needs.tokens.remembered(authorization.slice(BEARER.length));
      if (remembered) return remembered;
    }
    const token = /^bearer +(\S+) *$/i.exec(authorization.slice(0, MAX_TOKEN_CHARS))?.[1];
    if (token === undefined) throw new SidecarError('TOKEN_INVALID', 'Send `Authorization: Bearer <token>`.');
    if (this.#needs.operatorToken.matches(token)) return { kind: 'operator' };
    return this.#needs.tokens.verify(token);
  }

  /**
   * Checks that the principal may call the procedure.
   * @throws {SidecarError} `UNAUTHENTICATED`, `PERMISSION_DENIED`.
   */
  authorise(entry: Pick<Procedure, 'access' | 'name'>, principal: Principal): void {
    if (entry.access === 'public') return;
    if (principal.kind === 'anonymous') throw new SidecarError('UNAUTHENTICATED');
    if (!permits(entry.access, principal)) {
      const needed = entry.access === 'operator' ? 'the operator token' : `the permission ${entry.access}`;
      throw new SidecarError('PERMISSION_DENIED', `${entry.name} needs ${needed}.`);
    }
  }

  /**
   * Lets a request in: within its caller’s limits, and when there is room. What is essential is never kept waiting, and
   * what waits by itself takes no room.
   * @param call holds the signal of the caller’s leaving, which is read only where something has to be waited for.
   * @returns what to call when it is done; at once, without a promise, where nothing has to be waited for.
   * @throws {SidecarError} `RATE_LIMITED`, `OVERLOADED`, `CLIENT_CLOSED`.
   */
  admit(
    entry: Pick<Procedure, 'load' | 'kind'>,
    principal: Principal,
    call: { readonly signal: AbortSignal },
  ): (() => void) | Promise<() => void> {
    const counting = principal.kind === 'agent' ? this.#needs.rateLimits.take(principal) : undefined;
    if (counting) return counting.then(() => this.#enter(entry, principal, call));
    return this.#enter(entry, principal, call);
  }

  #enter(
    entry: Pick<Procedure, 'load' | 'kind'>,
    principal: Principal,
    call: { readonly signal: AbortSignal },
  ): (() => void) | Promise<() => void> {
    const { queue, waits } = this.#needs;
    if (entry.load === 'essential') return NOTHING;
    this.#mustHaveMemory();
    if (entry.load === 'waits' || entry.kind === 'subscription') {
      return principal.kind === 'agent' ? waits.enter(principal.agentId, call) : NOTHING;
    }
    if (queue.tryEnter()) return this.#leave;
    return queue.enter(call.signal).then(() => this.#leave);
  }

  /**
   * Lets a large body be read, from somebody who is known alone, and while there is room for it.
   * @param isEssential whether it is read also when memory is scarce.
   * @returns what gives the room back.
   * @throws {SidecarError} `UNAUTHENTICATED`, `RATE_LIMITED`, `OVERLOADED`.
   */
  admitBody(isEssential: boolean, principal: Principal, bytes: number): () => void {
    if (principal.kind === 'anonymous') throw new SidecarError('UNAUTHENTICATED');
    if (!isEssential) this.#mustHaveMemory();
    return this.#bodies.take(principalName(principal), bytes);
  }

  /**
   * Lets an answer be made that may be large, while its caller has few of them in memory. A hundred thousand calls that
   * answer megabytes each are within every rate.
   * @returns what to call when the answer has left.
   * @throws {SidecarError} `RATE_LIMITED`, `CLIENT_CLOSED`.
   */
  admitAnswer(principal: KnownPrincipal, call: { readonly signal: AbortSignal }): (() => void) | Promise<() => void> {
    return this.#needs.answers.enter(principalName(principal), call);
  }

  #mustHaveMemory(): void {
    if (!this.#needs.memory.isHigh) return;
    this.#shedCount += 1;
    throw overloaded('The sidecar is short of memory.');
  }

  /** How much there is to do, and what was refused since the start. */
  load(): BrokerLoad {
    const { rateLimits, queue, memory, answers, waits } = this.#needs;
    return {
      running: queue.running,
      waiting: queue.waiting,
      shed: this.#shedCount + queue.shedCount,
      limited: rateLimits.limitedCount + answers.refusedCount + waits.refusedCount,
      memory: memory.reading(),
    };
  }

  /**
   * Checks the publisher table (DECISIONS 10, 11).
   * @throws {SidecarError} `PUBLISHER_MISMATCH`, `PERMISSION_DENIED`, `TOPIC_FORBIDDEN`.
   */
  authorisePublish(
    principal: KnownPrincipal,
    draft: {
      readonly publisher?: string | undefined;
      readonly event_type: string;
      readonly data: JsonObject;
    },
    topic: string,
  ): void {
    // What the sidecar says, others act on without asking; nobody says it in its name.
    if (draft.publisher === SIDECAR_PUBLISHER) {
      throw new SidecarError('PUBLISHER_MISMATCH', 'Only the sidecar itself publishes as `sidecar`.');
    }
    if (principal.kind === 'operator') return;
    const { agentId, agentType, permissions } = principal;
    if (draft.publisher !== undefined && draft.publisher !== agentId) throw new SidecarError('PUBLISHER_MISMATCH');
    if (topic === 'error') return mustBeAboutItself(draft.data, agentId);
    if (!holds(principal, 'publish_events')) {
      throw new SidecarError('PERMISSION_DENIED', 'events.publish needs the permission publish_events.');
    }
    const publishes = this.#needs.profiles.get(agentType)?.publishes ?? [];
    if (!mayPublish({ permissions: [...permissions], publishes }, topic, draft.event_type)) {
      throw new SidecarError('TOPIC_FORBIDDEN', `${agentType} may not publish ${draft.event_type} to ${topic}.`);
    }
  }

  /** See {@link Tokens.lifetime}; the operator’s never ends. */
  lifetime(principal: Principal): { signal: AbortSignal | undefined; release(): void } {
    return principal.kind === 'agent' ? this.#needs.tokens.lifetime(principal) : { signal: undefined, release() {} };
  }
}

/** Whoever is in trouble may say so, whatever else it may not say; but not in another’s name. */
function mustBeAboutItself(data: JsonObject, agentId: string): void {
  const named = data['agent_id'];
  if (named !== undefined && named !== agentId) {
    throw new SidecarError('PUBLISHER_MISMATCH', 'An agent reports errors about itself only.');
  }
}

function permits(access: Exclude<Access, 'public'>, principal: KnownPrincipal): boolean {
  if (principal.kind === 'operator' || access === 'authenticated') return true;
  return access !== 'operator' && holds(principal, access);
}
