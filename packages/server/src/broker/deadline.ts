import { SidecarError, type Procedure } from '@orchestration-sidecar/shared';
import type { Clock } from '../runtime/clock.ts';

/** Longest time to answer in, by kind; an entry may name its own. Whatever is meant to wait has none. */
const DEADLINE_MS = { query: 30_000, mutation: 60_000 } as const;
/** How often deadlines are looked at, and so how late one may come. */
export const DEADLINE_SWEEP_MS = 250;

/** What a deadline is taken from. */
export type TimedEntry = Pick<Procedure, 'kind' | 'load' | 'deadlineMs' | 'name'>;

/** The time that one call has. */
class Deadline {
  readonly dueMs: number;
  readonly #of: { readonly name: string; readonly timeMs: number };
  readonly #caller: AbortSignal;
  readonly #reject: (late: SidecarError) => void;
  #own: AbortController | undefined;
  #late: SidecarError | undefined;

  constructor(
    of: { readonly name: string; readonly timeMs: number; readonly dueMs: number },
    caller: AbortSignal,
    reject: (late: SidecarError) => void,
  ) {
    this.dueMs = of.dueMs;
    this.#of = of;
    this.#caller = caller;
    this.#reject = reject;
  }

  /** Aborts at the deadline and when the caller leaves. Made when the work asks for it: most work never does. */
  get signal(): AbortSignal {
    if (this.#own) return this.#own.signal;
    this.#own = new AbortController();
    if (this.#late) this.#own.abort(this.#late);
    else if (this.#caller.aborted) this.#leave();
    else this.#caller.addEventListener('abort', this.#leave, { once: true });
    return this.#own.signal;
  }

  expire(): void {
    this.#late = new SidecarError('TIMEOUT', `${this.#of.name} was not done within ${this.#of.timeMs} ms.`);
    this.#own?.abort(this.#late);
    this.#reject(this.#late);
  }

  end(): void {
    if (this.#own) this.#caller.removeEventListener('abort', this.#leave);
  }

  readonly #leave = (): void => this.#own?.abort(this.#caller.reason);
}

/**
 * Does work within the time its procedure has. One timer looks at all that is under way: a timer for each call would
 * cost more than most calls do.
 */
export class Deadlines {
  readonly #clock: Clock;
  /** What is under way, by how long it may take: in each set, what began first is due first. */
  readonly #open = new Map<number, Set<Deadline>>();
  #sweeping = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Does work. Its signal aborts at the deadline as it does when the caller leaves; whoever does not look at the
   * signal finishes unheard.
   * @param work gets what holds the signal; reading the signal makes it.
   * @throws {SidecarError} `TIMEOUT`.
   */
  within<T>(
    entry: TimedEntry,
    call: { readonly signal: AbortSignal },
    work: (time: { readonly signal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    if (entry.load === 'waits' || entry.kind === 'subscription') return work(call);
    const timeMs = entry.deadlineMs ?? DEADLINE_MS[entry.kind];
    const dueMs = this.#clock.nowMs() + timeMs;
    return new Promise<T>((resolve, reject) => {
      const deadline = new Deadline({ name: entry.name, timeMs, dueMs }, call.signal, reject);
      const open = this.#openFor(timeMs);
      open.add(deadline);
      this.#sweepLater();
      void work(deadline)
        .then(resolve, reject)
        .finally(() => {
          open.delete(deadline);
          deadline.end();
        });
    });
  }

  #openFor(timeMs: number): Set<Deadline> {
    const known = this.#open.get(timeMs);
    if (known) return known;
    const open = new Set<Deadline>();
    this.#open.set(timeMs, open);
    return open;
  }

  #sweepLater(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#clock.after(DEADLINE_SWEEP_MS, () => this.#sweep());
  }

  #sweep(): void {
    this.#sweeping = false;
    const nowMs = this.#clock.nowMs();
    for (const open of this.#open.values()) {
      for (const deadline of open) {
        if (deadline.dueMs > nowMs) break;
        open.delete(deadline);
        deadline.expire();
      }
      if (open.size > 0) this.#sweepLater();
    }
  }
}
