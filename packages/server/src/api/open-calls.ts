import type { ServerResponse } from 'node:http';

/** The calls over HTTP that are under way, so that a stop can tell those that wait for something to come back. */
export class OpenCalls {
  readonly #open = new Set<AbortController>();
  #stopped = false;

  /** A signal that aborts when the caller goes away or the sidecar stops. */
  begin(response: ServerResponse): AbortSignal {
    const call = new AbortController();
    if (this.#stopped) call.abort();
    this.#open.add(call);
    response.once('close', () => {
      this.#open.delete(call);
      // Whoever was answered waits for nothing; making the reason of an abort costs more than reading an event.
      if (!response.writableFinished) call.abort();
    });
    return call.signal;
  }

  /** Ends all waiting: a long-poll answers its timeout with the cursor to come back with, a stream ends. */
  stop(): void {
    this.#stopped = true;
    for (const call of this.#open) call.abort();
  }
}
