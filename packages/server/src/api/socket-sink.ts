import type { Writable } from 'node:stream';
import type { EventEntry, Sink } from '../events/index.ts';

/** A subscription pauses while this much is on its way to the socket, and goes on when it has drained. */
const HIGH_WATER_BYTES = 1024 * 1024;

/**
 * A socket as a sink of events.
 * @param format names what `encode` makes; sinks of equal format share its work.
 */
export function socketSink(
  socket: Writable,
  format: string,
  encode: (entries: readonly EventEntry[]) => Uint8Array,
): Sink {
  const hasRoom = (): boolean => socket.writableLength < HIGH_WATER_BYTES;
  return {
    format,
    encode,
    write(bytes) {
      if (socket.writable) socket.write(bytes);
      return hasRoom();
    },
    drained(signal) {
      if (hasRoom() || signal.aborted || !socket.writable) return Promise.resolve();
      return new Promise((resolve) => {
        const settle = (): void => {
          socket.off('drain', settle).off('close', settle);
          signal.removeEventListener('abort', settle);
          resolve();
        };
        socket.once('drain', settle).once('close', settle);
        signal.addEventListener('abort', settle, { once: true });
      });
    },
  };
}
