/** A pending call of {@link Clock.after}. */
export interface Timer {
  /** Forgets the call. Cancelling twice, or after the call, does nothing. */
  cancel(): void;
}

/** Where everything in the server gets its time from; tests hand in a fake one. */
export interface Clock {
  /** Milliseconds since the epoch. Somebody may set it, forth or back: for what is stored or shown. */
  nowMs(): number;
  /** Milliseconds since a moment of its own, which nobody sets: for how long something takes or waits in this process. */
  elapsedMs(): number;
  /** Calls once after `delayMs`. A pending timer does not keep the process alive. */
  after(delayMs: number, call: () => void): Timer;
}

/** The machine’s clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  elapsedMs: () => performance.now(),
  after(delayMs, call) {
    const handle = setTimeout(call, delayMs);
    handle.unref();
    // Node keeps a list for each duration that a timer has had, and lets go of one that is empty only where its last timer
    // was not unreferenced: timers to the end of a token have a duration each.
    return { cancel: () => clearTimeout(handle.ref()) };
  },
};

/** Writes a time as the RFC 3339 text that answers carry. */
export function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** Calls `work` every `everyMs`, never twice at once; `work` must not throw. */
export function repeat(clock: Clock, everyMs: number, work: () => void | Promise<void>): Timer {
  let stopped = false;
  let timer: Timer;
  const arm = (): Timer =>
    clock.after(everyMs, () => {
      void Promise.resolve(work()).finally(() => {
        if (!stopped) timer = arm();
      });
    });
  timer = arm();
  return {
    cancel() {
      stopped = true;
      timer.cancel();
    },
  };
}
