import type { ServerResponse } from 'node:http';
import { Duplex } from 'node:stream';

/** A call over HTTP. A class: an object with an accessor of its own costs a hundred times as much to make. */
export class OpenCall {
  readonly #watch: () => AbortSignal;
  #signal: AbortSignal | undefined;

  constructor(watch: () => AbortSignal) {
    this.#watch = watch;
  }

  /**
   * Aborts when the caller goes away or the sidecar stops. Reading it makes it: most calls are answered without having
   * looked at it, and making it costs more than reading an event.
   */
  get signal(): AbortSignal {
    return (this.#signal ??= this.#watch());
  }
}

/** The calls over HTTP that are under way, so that a stop can tell those that wait for something to come back. */
export class OpenCalls {
  readonly #waiting = new Set<AbortController>();
  #stopped = false;

  /** Begins a call. */
  begin(response: ServerResponse): OpenCall {
    return new OpenCall(() => this.#watch(response));
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
