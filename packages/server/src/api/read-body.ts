import type { Readable } from 'node:stream';
import { LIMITS, SidecarError } from '@orchestration-sidecar/shared';
import { tooLarge } from './large-body.ts';

/** Memory that is taken before anything has come. */
const FIRST_BYTES = 64 * 1024;

/**
 * Reads a body into one piece of memory. It may come in pieces of a byte each, and to keep those until the end takes two
 * hundred times their size.
 * @param announcedBytes size that its sender names; it may name another than it sends.
 * @throws {SidecarError} `PAYLOAD_TOO_LARGE` above `LIMITS.maxBodyBytes`, `CLIENT_CLOSED` when its end never comes.
 */
export function readBody(stream: Readable, announcedBytes: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  let bytes = Buffer.allocUnsafe(Math.min(FIRST_BYTES, announcedBytes));
  let length = 0;
  const end = (): void => {
    // Every stream closes at last, and making a reason that nobody hears costs more than reading a small body.
    stream.off('close', fail);
    resolve(bytes.subarray(0, length));
  };
  const fail = (cause?: unknown): void => reject(new SidecarError('CLIENT_CLOSED', undefined, { cause }));
  const take = (chunk: Buffer): void => {
    const needed = length + chunk.length;
    if (needed > LIMITS.maxBodyBytes) {
      stream.off('data', take).off('end', end).resume();
      return reject(tooLarge());
    }
    if (needed > bytes.length) {
      const larger = Buffer.allocUnsafe(Math.min(LIMITS.maxBodyBytes, Math.max(needed, 2 * bytes.length)));
      bytes.copy(larger, 0, 0, length);
      bytes = larger;
    }
    chunk.copy(bytes, length);
    length = needed;
  };
  stream.on('data', take).on('end', end).on('error', fail).on('close', fail);
  return promise;
}
