import { SidecarError } from '@orchestration-sidecar/shared';
import type { Clock } from '../runtime/clock.ts';

/** How much is done at once, and how much may wait. */
export interface AdmissionOptions {
  readonly maxRunning: number;
  readonly maxWaiting: number;
  readonly maxWaitMs: number;
}

interface Waiter {
  readonly admit: () => void;
}

/** Requests that are done at once; further ones wait in the order of their coming, for a bounded time. */
export class AdmissionQueue {
  readonly #options: AdmissionOptions;
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiter>();
  #running = 0;
  #shedCount = 0;

  constructor(options: AdmissionOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Requests refused since the start: too many waited, or they waited too long. */
  get shedCount(): number {
    return this.#shedCount;
  }

  /** Takes a place that is free now; answers whether there was one. */
  tryEnter(): boolean {
    if (this.#running >= this.#options.maxRunning || this.#waiting.size > 0) return false;
    this.#running += 1;
    return true;
  }

  /**
   * Waits for a place; {@link leave} gives it back.
   * @throws {SidecarError} `OVERLOADED` when too many wait or it takes too long, `CLIENT_CLOSED` when the caller leaves.
   */
  enter(signal: AbortSignal): Promise<void> {
    return this.tryEnter() ? Promise.resolve() : this.wait(signal);
  }

  /** As {@link enter}, also when a place is free: for one that is given back by who has it now. */
  wait(signal: AbortSignal): Promise<void> {
    const { maxWaiting, maxWaitMs } = this.#options;
    if (this.#waiting.size >= maxWaiting) return Promise.reject(this.#shed());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const stop = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', leave);
      this.#waiting.delete(waiter);
    };
    const waiter: Waiter = {
      admit: () => {
        stop();
        resolve();
      },
    };
    const leave = (): void => {
      stop();
      reject(new SidecarError('CLIENT_CLOSED'));
    };
    const timer = this.#clock.after(maxWaitMs, () => {
      stop();
      reject(this.#shed());
    });
    signal.addEventListener('abort', leave, { once: true });
    this.#waiting.add(waiter);
    return promise;
  }

  /** Gives a place back, to whoever has waited longest. */
  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#running -= 1;
    else next.admit();
  }

  #shed(): SidecarError {
    this.#shedCount += 1;
    return overloaded();
  }
}

/** The refusal of whoever can come again when there is less to do. */
export function overloaded(detail?: string): SidecarError {
  return new SidecarError('OVERLOADED', detail, { extension: { retry_after_seconds: 1 } });
}
