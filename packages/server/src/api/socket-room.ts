import type { Writable } from 'node:stream';

/** A subscription pauses while this much is on its way to the socket, and goes on when it has drained. */
const HIGH_WATER_BYTES = 1024 * 1024;

/**
 * The room that a socket has for what is sent to it, shared by all who send: were each to look after itself, as many
 * pages would lie in memory as there are subscriptions on a connection that is not read from.
 */
export class SocketRoom {
  readonly #socket: Writable;
  /** Who waits, longest first. */
  readonly #waiting = new Set<() => void>();

  constructor(socket: Writable) {
    this.#socket = socket;
  }

  /** Whether more may be sent. What is sent to a closed socket takes none. */
  get isFree(): boolean {
    return !this.#socket.writable || this.#socket.writableLength < HIGH_WATER_BYTES;
  }

  /** Sends, whether there is room or not. */
  write(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  /**
   * Resolves when there is room again and those who have waited longer had their turn to write, or the signal aborts;
   * at once while there is room.
   */
  free(signal: AbortSignal): Promise<void> {
    if (this.isFree || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const settle = (): void => {
        this.#waiting.delete(settle);
        signal.removeEventListener('abort', settle);
        resolve();
      };
      this.#waiting.add(settle);
      signal.addEventListener('abort', settle, { once: true });
      this.#listen();
    });
  }

  /** One after the other, for whoever has its turn writes before the next one looks whether there still is room. */
  readonly #takeTurns = (): void => {
    this.#ignore();
    const [longest] = this.#waiting;
    if (!longest) return;
    if (!this.isFree) return this.#listen();
    longest();
    setImmediate(this.#takeTurns);
  };

  #listen(): void {
    this.#ignore();
    this.#socket.once('drain', this.#takeTurns).once('close', this.#takeTurns);
  }

  #ignore(): void {
    this.#socket.off('drain', this.#takeTurns).off('close', this.#takeTurns);
  }
}
