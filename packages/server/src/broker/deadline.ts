import { SidecarError, type Procedure } from '@orchestration-sidecar/shared';
import { inCall } from '../telemetry/call-context.ts';
import type { Clock } from '../runtime/clock.ts';

/** Longest time to answer in, by kind; an entry may name its own. Whatever is meant to wait has none. */
const DEADLINE_MS = { query: 30_000, mutation: 60_000 } as const;
/** How often deadlines are looked at, and so how late one may come. */
export const DEADLINE_SWEEP_MS = 250;

/** What a deadline is taken from. */
export type TimedEntry = Pick<Procedure, 'kind' | 'load' | 'deadlineMs' | 'name'>;

/** What holds the signal of a caller’s leaving. Reading it may make it. */
interface Caller {
  readonly signal: AbortSignal;
}

/** The time that one call has. */
class Deadline {
  readonly dueMs: number;
  readonly #entry: TimedEntry;
  #call: Caller | undefined;
  #reject: ((late: SidecarError) => void) | undefined;
  #own: AbortController | undefined;
  #late: SidecarError | undefined;
  /** Stops listening to the caller’s leaving. */
  #stop: (() => void) | undefined;

  constructor(entry: TimedEntry, dueMs: number, call: Caller, reject: (late: SidecarError) => void) {
    this.#entry = entry;
    this.dueMs = dueMs;
    this.#call = call;
    this.#reject = reject;
  }

  /** Aborts at the deadline and when the caller leaves. Made when the work asks for it: most work never does. */
  get signal(): AbortSignal {
    if (this.#own) return this.#own.signal;
    this.#own = new AbortController();
    const caller = this.#call?.signal;
    if (this.#late) this.#own.abort(this.#late);
    else if (caller?.aborted) this.#own.abort(caller.reason);
    else if (caller) this.#follow(caller, this.#own);
    return this.#own.signal;
  }

  get isOver(): boolean {
    return this.#reject === undefined;
  }

  expire(): void {
    const { name } = this.#entry;
    this.#late = new SidecarError('TIMEOUT', `${name} was not done within ${timeMsOf(this.#entry)} ms.`);
    this.#own?.abort(this.#late);
    this.#reject?.(this.#late);
    this.end();
  }

  /** Lets go of the call: what is over is kept until the next sweep, and must not keep anything else. */
  end(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#call = undefined;
    this.#reject = undefined;
  }

  #follow(caller: AbortSignal, own: AbortController): void {
    const leave = (): void => own.abort(caller.reason);
    caller.addEventListener('abort', leave, { once: true });
    this.#stop = () => caller.removeEventListener('abort', leave);
  }
}

/**
 * Does work within the time its procedure has. One timer looks at all that is under way: a timer for each call would
 * cost more than most calls do.
 */
export class Deadlines {
  readonly #clock: Clock;
  /** What is under way, by how long it may take: in each list, what began first is due first. */
  readonly #open = new Map<number, Deadline[]>();
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
  within<T>(entry: TimedEntry, call: Caller, work: (time: Caller) => Promise<T>): Promise<T> {
    if (entry.load === 'waits' || entry.kind === 'subscription') return work(call);
    const timeMs = timeMsOf(entry);
    return new Promise<T>((resolve, reject) => {
      const deadline = new Deadline(entry, this.#clock.elapsedMs() + timeMs, call, reject);
      this.#openFor(timeMs).push(deadline);
      this.#sweepLater();
      work(deadline).then(
        (value) => {
          deadline.end();
          resolve(value);
        },
        (cause: Error) => {
          deadline.end();
          reject(cause);
        },
      );
    });
  }

  #openFor(timeMs: number): Deadline[] {
    const known = this.#open.get(timeMs);
    if (known) return known;
    const open: Deadline[] = [];
    this.#open.set(timeMs, open);
    return open;
  }

  #sweepLater(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    // Of all calls, so it is no part of the one that comes first, and keeps none alive.
    inCall(undefined, () => this.#clock.after(DEADLINE_SWEEP_MS, () => this.#sweep()));
  }

  #sweep(): void {
    this.#sweeping = false;
    const elapsedMs = this.#clock.elapsedMs();
    for (const [timeMs, open] of this.#open) {
      for (const deadline of open) {
        if (deadline.dueMs > elapsedMs) break;
        if (!deadline.isOver) deadline.expire();
      }
      const left = open.filter((deadline) => !deadline.isOver);
      this.#open.set(timeMs, left);
      if (left.length > 0) this.#sweepLater();
    }
  }
}

function timeMsOf(entry: TimedEntry): number {
  return entry.deadlineMs ?? DEADLINE_MS[entry.kind === 'query' ? 'query' : 'mutation'];
}
