import type { ServerResponse } from 'node:http';
import { Duplex } from 'node:stream';

/** The calls over HTTP that are under way, so that a stop can tell those that wait for something to come back. */
export class OpenCalls {
  readonly #waiting = new Set<AbortController>();
  #stopped = false;

  /**
   * Begins a call.
   * @returns what holds a signal that aborts when the caller goes away or the sidecar stops. Reading the signal makes
   * it: most calls are answered without having looked at it, and making it costs more than reading an event.
   */
  begin(response: ServerResponse): { readonly signal: AbortSignal } {
    let made: AbortSignal | undefined;
    const make = (): AbortSignal => (made = this.#watch(response));
    return {
      get signal() {
        return made ?? make();
      },
    };
  }

  /** Ends all waiting: a long-poll answers its timeout with the cursor to come back with, a stream ends. */
  stop(): void {
    this.#stopped = true;
    for (const call of this.#waiting) call.abort();
  }

  #watch(response: ServerResponse): AbortSignal {
    const call = new AbortController();
    if (this.#stopped || isClosed(response)) call.abort();
    else {
      this.#waiting.add(call);
      response.once('close', () => {
        this.#waiting.delete(call);
        // Whoever was answered waits for nothing, and the reason of an abort is costly to make.
        if (!response.writableFinished) call.abort();
      });
    }
    return call.signal;
  }
}

/** Whether an answer has nowhere to go any more. HTTP/2’s response does not say; its stream does. */
export function isClosed(response: ServerResponse): boolean {
  return response.closed || ('stream' in response && response.stream instanceof Duplex && response.stream.destroyed);
}
