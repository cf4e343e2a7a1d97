import { SidecarError } from '@orchestration-sidecar/shared';
import type { Clock } from '../runtime/clock.ts';
import { AdmissionQueue, type AdmissionOptions } from './admission-queue.ts';

/** Size of the queues of all callers. */
export interface CallerQueuesOptions extends AdmissionOptions {
  /** Places beyond their first one that all callers have together. Default: any number. */
  readonly maxFurther?: number;
}

/**
 * Queues of equal size, one for each caller that has something under way: what one does keeps no other waiting. Its first
 * place is every caller’s own; further ones it has while there are some for all.
 */
export class CallerQueues {
  readonly #options: AdmissionOptions;
  readonly #maxFurther: number;
  readonly #clock: Clock;
  readonly #queues = new Map<string, AdmissionQueue>();
  #further = 0;
  #refusedCount = 0;

  constructor({ maxFurther = Infinity, ...options }: CallerQueuesOptions, clock: Clock) {
    this.#options = options;
    this.#maxFurther = maxFurther;
    this.#clock = clock;
  }

  /** How often somebody was refused since the start. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /**
   * Takes a place of the caller’s, or waits for one.
   * @param call holds the signal of the caller’s leaving, which is read only where something has to be waited for.
   * @returns what gives the place back, to be called once; at once, without a promise, where one is free.
   * @throws {SidecarError} `RATE_LIMITED` when too many wait or it takes too long, `CLIENT_CLOSED`.
   */
  enter(caller: string, call: { readonly signal: AbortSignal }): (() => void) | Promise<() => void> {
    const queue = this.#queueOf(caller);
    const leave = (): void => {
      const before = queue.running;
      queue.leave();
      if (queue.running === 0) this.#queues.delete(caller);
      else this.#further -= before - queue.running;
    };
    const isFirst = queue.running === 0;
    if ((isFirst || this.#further < this.#maxFurther) && queue.tryEnter()) {
      if (!isFirst) this.#further += 1;
      return leave;
    }
    return queue.wait(call.signal).then(
      () => leave,
      (cause: unknown) => {
        if (!(cause instanceof SidecarError) || cause.code !== 'OVERLOADED') throw cause;
        this.#refusedCount += 1;
        const detail = 'The caller has too many calls under way, or answers that it has not read.';
        throw new SidecarError('RATE_LIMITED', detail, { extension: { retry_after_seconds: 1 } });
      },
    );
  }

  #queueOf(caller: string): AdmissionQueue {
    const known = this.#queues.get(caller);
    if (known) return known;
    const queue = new AdmissionQueue(this.#options, this.#clock);
    this.#queues.set(caller, queue);
    return queue;
  }
}
