import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, readlinkSync, realpathSync } from 'node:fs';
import { join, sep } from 'node:path';

/** Bytes of a file, and the file as it was when they were read. */
export interface ReadFile {
  readonly bytes: Buffer;
  /** Size on disk; more than `bytes` when the bound cut it. */
  readonly size: number;
  readonly mtimeMs: number;
}

const SNIFF_BYTES = 8192;

/**
 * Reads a file inside the root, at most `maxBytes` of it. Null when it is gone, no regular file, or would lead outside:
 * the last part is never followed as a link, and what was opened must lie where its path says.
 */
export function readInside(root: string, path: string, maxBytes: number): ReadFile | null {
  if (!isInnerPath(path)) return null;
  let descriptor: number;
  try {
    // Non-blocking, so that a pipe put in the file’s place cannot hang us.
    descriptor = openSync(join(root, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return null;
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile() || !liesInside(root, path, descriptor)) return null;
    const bytes = Buffer.allocUnsafe(Math.min(maxBytes, stats.size));
    let length = 0;
    while (length < bytes.length) {
      const read = readSync(descriptor, bytes, length, bytes.length - length, length);
      if (read === 0) break;
      length += read;
    }
    return { bytes: bytes.subarray(0, length), size: stats.size, mtimeMs: stats.mtimeMs };
  } catch {
    return null;
  } finally {
    closeSync(descriptor);
  }
}

const scratch = { bytes: Buffer.alloc(0) };

/**
 * Reads the beginning of a file for what never leaves the worker, into memory that the next call uses again. Null when
 * it is gone or no regular file. `size`: the file’s, where it is known; reading on to find the end costs as much again.
 */
export function peek(root: string, path: string, maxBytes: number, size = maxBytes): Buffer | null {
  let descriptor: number;
  try {
    descriptor = openSync(`${root}/${path}`, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return null;
  }
  try {
    if (scratch.bytes.length < maxBytes) scratch.bytes = Buffer.alloc(maxBytes);
    const wanted = Math.min(maxBytes, size);
    let length = 0;
    while (length < wanted) {
      const read = readSync(descriptor, scratch.bytes, length, wanted - length, length);
      if (read === 0) break;
      length += read;
    }
    return scratch.bytes.subarray(0, length);
  } catch {
    return null;
  } finally {
    closeSync(descriptor);
  }
}

/** Names the bytes. */
export function checksumOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Whether bytes are not text: a NUL near the start. */
export function isBinary(bytes: Buffer): boolean {
  const nul = bytes.indexOf(0);
  return nul >= 0 && nul < SNIFF_BYTES;
}

/** A part that is empty, `.` or `..`. */
const NOWHERE = /(?:^|\/)\.{0,2}(?:\/|$)/;

/** Whether a path is relative and stays inside by its spelling. */
export function isInnerPath(path: string): boolean {
  return (
    path !== '' &&
    !path.startsWith('/') &&
    !path.includes('\0') &&
    !/^[A-Za-z]:/.test(path) &&
    !path.includes('\\') &&
    !NOWHERE.test(path)
  );
}

function liesInside(root: string, path: string, descriptor: number): boolean {
  const expected = join(root, path);
  if (process.platform === 'linux') return readlinkSync(`/proc/self/fd/${descriptor}`) === expected;
  return realpathSync.native(expected).normalize() === expected.normalize() && expected.startsWith(root + sep);
}
