import {
  BrokenCircuitError,
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  handleWhen,
  type CircuitBreakerPolicy,
} from 'cockatiel';
import { SidecarError } from '@orchestration-sidecar/shared';
import { systemClock, type Clock } from './clock.ts';

/** What breakers are around; the closed list that a metric’s label may take its values from. */
export const BREAKER_KINDS = ['git', 'result_mirror', 'event_mirror', 'launcher'] as const;
export type BreakerKind = (typeof BREAKER_KINDS)[number];

/** When breakers open, and when they let a probe through. */
export interface BreakerPolicy {
  /** Consecutive failures after which nothing is tried any more. */
  readonly failures: number;
  /** How long, before one call is let through to see whether it is better. */
  readonly probeAfterMs: number;
}

const POLICY: BreakerPolicy = { failures: 5, probeAfterMs: 5000 };
/** Breakers that are kept; beyond, those without a failure are forgotten, which changes nothing. */
const MAX_BREAKERS = 256;

/** How one breaker stands. */
export interface BreakerReading {
  readonly kind: BreakerKind;
  /** What it is around, in words that tell no path. */
  readonly name: string;
  /** `closed`: calls go through; `open`: none does; `half_open`: one does, as a probe. */
  readonly state: 'closed' | 'open' | 'half_open';
  /** Consecutive failures. */
  readonly failures: number;
  /** Since when it is in this state. */
  readonly sinceMs: number;
}

/** What a breaker is around. */
export interface BreakerSubject {
  readonly kind: BreakerKind;
  /** Tells things of a kind apart, such as two programs of one name; not shown. Default: there is one of the kind. */
  readonly key?: string;
  /** What is shown. Default: the kind. */
  readonly name?: string;
  /** Whether a fault is one of what the breaker is around. Default: every fault is. */
  readonly isFailure?: (cause: unknown) => boolean;
}

/**
 * Circuit breakers: what has failed several times in a row is left alone for a while, so that its failing costs
 * neither time nor processes, and is then tried once.
 */
export class CircuitBreakers {
  readonly #policy: BreakerPolicy;
  readonly #clock: Clock;
  readonly #onTurn: OnTurn;
  readonly #breakers = new Map<string, CircuitBreaker>();

  constructor(options: { readonly clock?: Clock; readonly onTurn?: OnTurn; readonly policy?: BreakerPolicy } = {}) {
    this.#policy = options.policy ?? POLICY;
    this.#clock = options.clock ?? systemClock;
    this.#onTurn = options.onTurn ?? (() => {});
  }

  /** The breaker around a thing; the same one for each asking. */
  around(subject: BreakerSubject): CircuitBreaker {
    const id = `${subject.kind}\0${subject.key ?? ''}`;
    const known = this.#breakers.get(id);
    if (known) return known;
    if (this.#breakers.size >= MAX_BREAKERS) {
      for (const [other, breaker] of this.#breakers) {
        if (breaker.reading().failures === 0) this.#breakers.delete(other);
      }
    }
    const made = new CircuitBreaker(subject, this.#policy, this.#clock, this.#onTurn);
    this.#breakers.set(id, made);
    return made;
  }

  /**
   * How they stand, in words for strangers: programs that agents are started with are one `launcher`. Of several of one
   * name, the worst.
   */
  readings(): BreakerReading[] {
    const byName = new Map<string, BreakerReading>();
    for (const breaker of this.#breakers.values()) {
      const own = breaker.reading();
      const reading = own.kind === 'launcher' ? { ...own, name: own.kind } : own;
      const known = byName.get(reading.name);
      if (known === undefined || badness(reading) > badness(known)) byName.set(reading.name, reading);
    }
    return [...byName.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** How many of each kind do not let calls through. */
  openByKind(): Readonly<Record<BreakerKind, number>> {
    const counts = { git: 0, result_mirror: 0, event_mirror: 0, launcher: 0 };
    for (const breaker of this.#breakers.values()) {
      const { kind, state } = breaker.reading();
      if (state !== 'closed') counts[kind] += 1;
    }
    return counts;
  }
}

/** Told when a breaker opens, and when it closes again. */
export type OnTurn = (name: string, isOpen: boolean) => void;

/** One breaker. Made by {@link CircuitBreakers.around}. */
export class CircuitBreaker {
  readonly #subject: BreakerSubject;
  readonly #probeAfterMs: number;
  readonly #clock: Clock;
  readonly #policy: CircuitBreakerPolicy;
  #failures = 0;
  #sinceMs: number;
  /** `elapsedMs` of its last opening. */
  #openedMs = 0;

  constructor(subject: BreakerSubject, policy: BreakerPolicy, clock: Clock, onTurn: OnTurn) {
    const { kind, name = kind, isFailure = () => true } = subject;
    this.#subject = subject;
    this.#clock = clock;
    this.#sinceMs = clock.nowMs();
    this.#probeAfterMs = policy.probeAfterMs;
    this.#policy = circuitBreaker(handleWhen(isFailure), {
      // The library would wait by the machine’s clock, which somebody may set back: here it is waited before it is asked.
      halfOpenAfter: -Infinity,
      breaker: new ConsecutiveBreaker(policy.failures),
    });
    this.#policy.onFailure(({ handled }) => {
      if (handled) this.#failures += 1;
    });
    this.#policy.onSuccess(() => {
      this.#failures = 0;
    });
    this.#policy.onStateChange((state) => {
      this.#sinceMs = clock.nowMs();
      if (state === CircuitState.Open) this.#openedMs = clock.elapsedMs();
      if (state === CircuitState.Open || state === CircuitState.Closed) onTurn(name, state === CircuitState.Open);
    });
  }

  /**
   * Does something with what the breaker is around.
   * @throws {SidecarError} `CIRCUIT_OPEN` with `breaker` and `retry_after_seconds`, when it has failed too often.
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const refusal = this.refusal();
    if (refusal) throw refusal;
    try {
      return await this.#policy.execute(work);
    } catch (cause) {
      throw cause instanceof BrokenCircuitError ? this.#refusal() : cause;
    }
  }

  /** Why nothing is tried now; undefined while it is, a probe that is due included. */
  refusal(): SidecarError | undefined {
    if (this.#policy.state !== CircuitState.Open) return undefined;
    return this.#waitMs() <= 0 ? undefined : this.#refusal();
  }

  reading(): BreakerReading {
    const { kind, name = kind } = this.#subject;
    const { state } = this.#policy;
    const shown = state === CircuitState.Closed ? 'closed' : state === CircuitState.HalfOpen ? 'half_open' : 'open';
    return { kind, name, state: shown, failures: this.#failures, sinceMs: this.#sinceMs };
  }

  #waitMs(): number {
    return this.#openedMs + this.#probeAfterMs - this.#clock.elapsedMs();
  }

  #refusal(): SidecarError {
    const { kind, name = kind } = this.#subject;
    const detail = `${name} has failed ${this.#failures} times in a row.`;
    return new SidecarError('CIRCUIT_OPEN', detail, {
      extension: { breaker: name, retry_after_seconds: Math.max(1, Math.ceil(this.#waitMs() / 1000)) },
    });
  }
}

/** Whether a fault is a breaker’s refusal. */
export function isCircuitOpen(cause: unknown): boolean {
  return cause instanceof SidecarError && cause.code === 'CIRCUIT_OPEN';
}

const STATES = ['closed', 'half_open', 'open'] as const;

function badness({ state, failures }: BreakerReading): number {
  return STATES.indexOf(state) * 1_000_000 + failures;
}
