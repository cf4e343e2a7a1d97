import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { SidecarError } from '@orchestration-sidecar/shared';
import type { Clock } from '../runtime/clock.ts';
import type { AgentPrincipal } from '../runtime/principal.ts';

/** Requests a second that are let through, averaged over the window; 0: any number. */
export interface RateLimitOptions {
  readonly perAgent: number;
  /** All agents of one type in one project together. */
  readonly perAgentType: number;
  readonly perProject: number;
}

const WINDOW_SECONDS = 10;
const WINDOW_MS = WINDOW_SECONDS * 1000;
/** Parts that a quota is taken in: a request then costs the library’s counting only once in a hundredth of it. */
const BATCHES = 100;
/** Callers whose taken parts are remembered before those of ended windows are forgotten. */
const MAX_TAKEN = 4096;

/**
 * How often agents may call (specification "Broker Component"). An agent’s own limit comes first, so that one gone
 * astray uses up nothing of what its type and project share. The operator is not limited.
 */
export class RateLimits {
  readonly #agent: Limit | undefined;
  readonly #agentType: Limit | undefined;
  readonly #project: Limit | undefined;
  #limitedCount = 0;

  constructor({ perAgent, perAgentType, perProject }: RateLimitOptions, clock: Clock) {
    const limit = (name: LimitName, perSecond: number): Limit | undefined =>
      perSecond === 0 ? undefined : new Limit(name, Math.ceil(perSecond * WINDOW_SECONDS), clock);
    this.#agent = limit('agent', perAgent);
    this.#agentType = limit('agent_type', perAgentType);
    this.#project = limit('project', perProject);
  }

  /** Requests refused since the start. */
  get limitedCount(): number {
    return this.#limitedCount;
  }

  /**
   * Counts a request.
   * @returns undefined when it is within all limits for sure, else what to wait for.
   * @throws {SidecarError} `RATE_LIMITED` with `limit`, `quota`, `window_seconds` and `retry_after_seconds`.
   */
  take(principal: AgentPrincipal): Promise<void> | undefined {
    const { agentId, agentType, projectId } = principal;
    const inProject = `${projectId}/${agentType}`;
    if (this.#agent && !this.#agent.tryTake(agentId)) return this.#takeSlowly(principal, true);
    if (this.#agentType && !this.#agentType.tryTake(inProject)) return this.#takeSlowly(principal, false);
    // The type’s part is used up by one that the project then refuses, as it is when each is asked in turn.
    if (this.#project && !this.#project.tryTake(projectId)) return this.#counted(this.#project.take(projectId));
    return undefined;
  }

  #takeSlowly({ agentId, agentType, projectId }: AgentPrincipal, withAgent: boolean): Promise<void> {
    const take = async (): Promise<void> => {
      if (withAgent) await this.#agent?.take(agentId);
      await this.#agentType?.take(`${projectId}/${agentType}`);
      await this.#project?.take(projectId);
    };
    return this.#counted(take());
  }

  #counted(taking: Promise<void>): Promise<void> {
    return taking.catch((cause: unknown) => {
      this.#limitedCount += 1;
      throw cause;
    });
  }
}

type LimitName = 'agent' | 'agent_type' | 'project';

const WHOSE: Readonly<Record<LimitName, string>> = {
  agent: 'The agent',
  agent_type: 'The agent type',
  project: 'The project',
};

/** What a caller has taken of its quota and not used yet. */
interface Taken {
  left: number;
  /** What the quota still held when this was taken. */
  remaining: number;
  /** End of the window it was taken in, by the time that nobody sets. */
  untilMs: number;
  /** The taking of a batch that is under way. */
  taking: Promise<unknown> | undefined;
}

/** One limit. Its quota is taken from the library in batches, and a batch is used without waiting. */
class Limit {
  readonly #name: LimitName;
  readonly #quota: number;
  readonly #batch: number;
  readonly #clock: Clock;
  readonly #limiter: RateLimiterMemory;
  readonly #taken = new Map<string, Taken>();

  constructor(name: LimitName, quota: number, clock: Clock) {
    this.#name = name;
    this.#quota = quota;
    this.#batch = Math.max(1, Math.floor(quota / BATCHES));
    this.#clock = clock;
    this.#limiter = new RateLimiterMemory({ keyPrefix: name, points: quota, duration: WINDOW_SECONDS });
  }

  /** Uses one of what was taken; answers whether there was one. */
  tryTake(key: string): boolean {
    const taken = this.#taken.get(key);
    if (taken === undefined || taken.left === 0 || taken.untilMs <= this.#clock.elapsedMs()) return false;
    taken.left -= 1;
    return true;
  }

  /** Uses one, of a further batch where nothing is left. One batch is taken at a time: whoever comes meanwhile shares it. */
  async take(key: string): Promise<void> {
    while (!this.tryTake(key)) {
      const taken = this.#takenBy(key);
      if (taken.taking) await taken.taking.catch(() => undefined);
      else await this.#takeBatch(key, taken);
    }
  }

  async #takeBatch(key: string, taken: Taken): Promise<void> {
    // What is left of the quota may be less than a batch.
    const size = Math.max(1, Math.min(this.#batch, taken.remaining));
    const taking = this.#limiter.consume(key, size);
    taken.taking = taking;
    try {
      const { msBeforeNext, remainingPoints } = await taking;
      taken.left += size;
      taken.untilMs = this.#clock.elapsedMs() + inWindow(msBeforeNext);
      taken.remaining = remainingPoints;
    } catch (cause) {
      throw cause instanceof RateLimiterRes ? this.#refusal(cause.msBeforeNext) : cause;
    } finally {
      taken.taking = undefined;
    }
  }

  /** What a caller has taken in this window; of an earlier one nothing is left. */
  #takenBy(key: string): Taken {
    const elapsedMs = this.#clock.elapsedMs();
    const known = this.#taken.get(key);
    if (known && known.untilMs > elapsedMs) return known;
    if (this.#taken.size >= MAX_TAKEN) {
      for (const [other, { untilMs }] of this.#taken) if (untilMs <= elapsedMs) this.#taken.delete(other);
    }
    const fresh = { left: 0, remaining: this.#quota, untilMs: elapsedMs + WINDOW_MS, taking: undefined };
    this.#taken.set(key, fresh);
    return fresh;
  }

  #refusal(msBeforeNext: number): SidecarError {
    const detail = `${WHOSE[this.#name]} has sent ${this.#quota} requests within ${WINDOW_SECONDS} s.`;
    return new SidecarError('RATE_LIMITED', detail, {
      extension: {
        limit: this.#name,
        quota: this.#quota,
        window_seconds: WINDOW_SECONDS,
        retry_after_seconds: Math.max(1, Math.ceil(inWindow(msBeforeNext) / 1000)),
      },
    });
  }
}

/** The library counts by the machine’s clock: one that was set makes it say more than a window, or less than none. */
function inWindow(ms: number): number {
  return Math.min(Math.max(ms, 0), WINDOW_MS);
}
