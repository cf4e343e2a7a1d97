/** A pending call of {@link Clock.after}. */
export interface Timer {
  /** Forgets the call. Cancelling twice, or after the call, does nothing. */
  cancel(): void;
}

/** Where the client gets its time from; tests hand in a fake one. */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /**
   * Calls once after `delayMs`; what is longer than timers can wait (24 days) counts as that.
   * @param background - The pending call does not keep a process alive that has nothing else to do. Default false.
   */
  after(delayMs: number, call: () => void, background?: boolean): Timer;
}

/** Longest delay of a timer in every runtime; one that is longer would be called at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** The machine’s clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, call, background = false) {
    const handle = setTimeout(call, Math.min(delayMs, MAX_TIMER_MS));
    // Node, Bun and Deno hand out objects, browsers numbers.
    if (background && typeof handle === 'object') handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves after `delayMs`; rejects with the signal’s reason when it aborts first. */
export function sleep(clock: Clock, delayMs: number, signal: AbortSignal, background = false): Promise<void> {
  return new Promise((resolve, reject) => {
    const wake = (): void => {
      signal.removeEventListener('abort', giveUp);
      resolve();
    };
    const timer = clock.after(delayMs, wake, background);
    const giveUp = (): void => {
      timer.cancel();
      reject(signal.reason instanceof Error ? signal.reason : new Error('aborted', { cause: signal.reason }));
    };
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
  });
}
