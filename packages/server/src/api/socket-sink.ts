import type { EventEntry, Sink } from '../events/index.ts';
import type { SocketRoom } from './socket-room.ts';

/**
 * A socket as a sink of events.
 * @param format names what `encode` makes; sinks of equal format share its work.
 */
export function socketSink(
  room: SocketRoom,
  format: string,
  encode: (entries: readonly EventEntry[]) => Uint8Array,
): Sink {
  return {
    format,
    encode,
    get hasRoom() {
      return room.isFree;
    },
    write: (bytes) => room.write(bytes),
    drained: (signal) => room.free(signal),
  };
}
