/**
 * One piece of work that several callers wait for. It is cancelled when the last of them has gone; whoever goes earlier
 * leaves the others waiting.
 */
export class SharedFlight<T> {
  readonly #controller = new AbortController();
  readonly #work: Promise<T>;
  #waiting = 0;

  constructor(start: (signal: AbortSignal) => Promise<T>) {
    this.#work = start(this.#controller.signal);
    // Whoever waits sees the failure; without waiters there is nobody to tell.
    this.#work.catch(() => undefined);
  }

  /** Waits for the outcome. Rejects with the signal’s reason when this caller is cancelled. */
  async join(signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    this.#waiting++;
    const { promise, reject } = Promise.withResolvers<never>();
    const leave = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([this.#work, promise]);
    } finally {
      signal.removeEventListener('abort', leave);
      if (--this.#waiting === 0) this.#controller.abort(new Error('nobody waits for it any more'));
    }
  }

  /** Settles when the work has, and never rejects. */
  async settled(): Promise<void> {
    await this.#work.catch(() => undefined);
  }
}
