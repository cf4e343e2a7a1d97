import { randomBytes, randomUUID } from 'node:crypto';

/** Where ids and secrets come from; tests hand in a predictable one. */
export interface Ids {
  /** Random UUID (RFC 9562 version 4). */
  uuid(): string;
  /** UUID whose order is the order of making (RFC 9562 version 7): kind to indexes. */
  orderedUuid(): string;
  /** Unguessable text of `bytes` random bytes, base64url. */
  secret(bytes: number): string;
}

/** Ids from the operating system’s randomness. */
export function createIds(nowMs: () => number): Ids {
  let latest = { ms: NaN, text: '' };
  return {
    uuid: () => randomUUID(),
    orderedUuid() {
      // Many are made in a millisecond, and writing the time costs more than all else.
      const ms = nowMs();
      if (ms !== latest.ms) latest = { ms, text: timeOf(ms) };
      // Both versions have the same layout from the version on, and Node draws the randomness of many UUIDs at once.
      return `${latest.text}${randomUUID().slice(15)}`;
    },
    secret: (bytes) => randomBytes(bytes).toString('base64url'),
  };
}

/** The beginning of a UUID of version 7, with the version. */
function timeOf(ms: number): string {
  const digits = ms.toString(16).padStart(12, '0');
  return `${digits.slice(0, 8)}-${digits.slice(8)}-7`;
}
