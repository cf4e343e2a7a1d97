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
      const bytes = randomBytes(16);
      bytes.writeUIntBE(nowMs(), 0, 6);
      bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
      bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
      const hex = bytes.toString('hex');
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
    },
    secret: (bytes) => randomBytes(bytes).toString('base64url'),
  };
}
