/** Signals that ask a process to stop. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * npm passes a Ctrl-C on that the terminal has already sent to the whole group, so one key press arrives twice; only
 * a repeat after this time is meant.
 */
const ECHO_MS = 2000;

/** Where signals come from. */
export interface SignalSource {
  on(signal: (typeof SIGNALS)[number], listener: () => void): unknown;
}

/** Requests of this process to stop. */
export interface StopRequests {
  /** Aborts at the first request. */
  readonly stop: AbortSignal;
  /** Aborts when the person insists: a request more than two seconds after the first. */
  readonly force: AbortSignal;
}

/**
 * Takes over the signals that ask this process to stop, until it ends: given back earlier, the echo of the one that
 * asked would kill it on its last steps. Listening keeps no process alive.
 */
export function listenForStop(
  source: SignalSource = process,
  nowMs: () => number = () => performance.now(),
): StopRequests {
  const stop = new AbortController();
  const force = new AbortController();
  let firstMs: number | undefined;
  const onSignal = (): void => {
    firstMs ??= nowMs();
    if (nowMs() - firstMs >= ECHO_MS) force.abort();
    stop.abort();
  };
  for (const signal of SIGNALS) source.on(signal, onSignal);
  return { stop: stop.signal, force: force.signal };
}
