import type { EventEntry } from '../events/index.ts';

/** First byte of an unfragmented text frame (RFC 6455, section 5.2). */
const FINAL_TEXT = 0x81;
const MAX_SHORT_BYTES = 125;
const MAX_MEDIUM_BYTES = 0xffff;

/**
 * Events as complete WebSocket frames, each a tRPC message with a tracked value ("WebSockets RPC Specification").
 * Frames that a server sends are not masked, so the same bytes do for every socket whose subscription has the same id.
 * @param prefix the message up to its result.
 */
export function eventFrames(prefix: string, entries: readonly EventEntry[]): Buffer {
  return framesOf(entries.map(({ cursor, json }) => trackedMessage(prefix, cursor, json)));
}

/** As {@link eventFrames}, but one frame with the list of all: what a client does for each message it does once. */
export function listFrame(prefix: string, entries: readonly EventEntry[]): Buffer {
  const list = `[${entries.map(({ json }) => json).join(',')}]`;
  return framesOf([trackedMessage(prefix, entries.at(-1)?.cursor ?? '', list)]);
}

function trackedMessage(prefix: string, cursor: string, json: string): string {
  return `${prefix}{"type":"data","id":"${cursor}","data":{"json":{"id":"${cursor}","data":${json}}}}}`;
}

function framesOf(messages: readonly string[]): Buffer {
  const sizes = messages.map((message) => Buffer.byteLength(message));
  const frames = Buffer.allocUnsafe(sizes.reduce((sum, bytes) => sum + headerBytes(bytes) + bytes, 0));
  let offset = 0;
  messages.forEach((message, index) => {
    offset = writeHeader(frames, offset, sizes[index] ?? 0);
    offset += frames.write(message, offset);
  });
  return frames;
}

function headerBytes(payloadBytes: number): number {
  if (payloadBytes <= MAX_SHORT_BYTES) return 2;
  return payloadBytes <= MAX_MEDIUM_BYTES ? 4 : 10;
}

/** Writes a frame’s header; answers where its payload begins. */
function writeHeader(frames: Buffer, at: number, payloadBytes: number): number {
  const offset = frames.writeUInt8(FINAL_TEXT, at);
  if (payloadBytes <= MAX_SHORT_BYTES) return frames.writeUInt8(payloadBytes, offset);
  if (payloadBytes <= MAX_MEDIUM_BYTES) return frames.writeUInt16BE(payloadBytes, frames.writeUInt8(126, offset));
  return frames.writeBigUInt64BE(BigInt(payloadBytes), frames.writeUInt8(127, offset));
}
