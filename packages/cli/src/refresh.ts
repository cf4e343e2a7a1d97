import type { SidecarClient } from '@orchestration-sidecar/sdk';
import { SidecarError } from '@orchestration-sidecar/shared';

/** How often what is shown is asked for when nothing is heard, in milliseconds. */
const EVERY_MS = 1000;
/** Shortest time between two questions, however much happens, in milliseconds. */
const AT_MOST_EVERY_MS = 200;

/** Something that can be waited for again and again. */
export class Wake {
  #wake: () => void = () => undefined;
  #called = false;

  /** Ends the current wait, or the next one. */
  call(): void {
    this.#called = true;
    this.#wake();
  }

  /** Waits for a call, for a second at most, and never for less than a moment. */
  async wait(signal: AbortSignal): Promise<void> {
    await pause(AT_MOST_EVERY_MS, signal);
    if (!this.#called && !signal.aborted) {
      await Promise.race([pause(EVERY_MS, signal), new Promise<void>((resolve) => (this.#wake = resolve))]);
    }
    this.#called = false;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

/** What to ask for as long as somebody watches. */
export interface Refreshing<Answer> {
  readonly ask: (client: SidecarClient) => Promise<Answer>;
  /** Told of every answer; true ends the watching. */
  readonly onAnswer: (answer: Answer) => boolean;
  /** Told when the sidecar cannot be reached for now. */
  readonly onLost: (error: SidecarError) => void;
  /** Longest time without the sidecar before its error is thrown, in milliseconds. */
  readonly giveUpAfterMs: number;
}

/**
 * Asks again whenever woken, and every second; goes on through restarts of the sidecar.
 * @throws {SidecarError} what the sidecar refused, or the last failure to reach it.
 */
export async function refresh<Answer>(
  client: SidecarClient,
  wake: Wake,
  signal: AbortSignal,
  { ask, onAnswer, onLost, giveUpAfterMs }: Refreshing<Answer>,
): Promise<void> {
  let lostMs: number | undefined;
  while (!signal.aborted) {
    try {
      if (onAnswer(await ask(client))) return;
      lostMs = undefined;
    } catch (cause) {
      if (!(cause instanceof SidecarError) || !cause.retryable) throw cause;
      lostMs ??= performance.now();
      if (performance.now() - lostMs > giveUpAfterMs) throw cause;
      onLost(cause);
    }
    await wake.wait(signal);
  }
}
