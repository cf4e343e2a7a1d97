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
  return {
    uuid: () => randomUUID(),
    orderedUuid() {
      // Both versions have the same layout from the version on, and Node draws the randomness of many UUIDs at once.
      const time = nowMs().toString(16).padStart(12, '0');
      return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
    },
    secret: (bytes) => randomBytes(bytes).toString('base64url'),
  };
}
