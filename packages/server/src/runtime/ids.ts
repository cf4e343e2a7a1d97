import { randomBytes, randomFillSync, randomUUID } from 'node:crypto';

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
    orderedUuid: orderedUuids(nowMs),
    secret: (bytes) => randomBytes(bytes).toString('base64url'),
  };
}

const DIGITS = Buffer.from('0123456789abcdef');
/** What the first digit of the second half may be: the variant of RFC 9562. */
const VARIANTS = Buffer.from('89ab');
/** Randomness drawn at once; each random digit takes a byte of it. */
const POOL_BYTES = 4096;
const RANDOM_DIGITS = [15, 16, 17, 20, 21, 22, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35];

/** Every event has one of these, so its text is put together in place, and the time written once for a millisecond. */
function orderedUuids(nowMs: () => number): () => string {
  const text = Buffer.from('00000000-0000-7000-8000-000000000000');
  const pool = Buffer.alloc(POOL_BYTES);
  let used = POOL_BYTES;
  let writtenMs = 0;
  const drawn = (): number => {
    if (used === POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    used += 1;
    return pool[used - 1] ?? 0;
  };
  return () => {
    const ms = nowMs();
    if (ms !== writtenMs) {
      const time = ms.toString(16).padStart(12, '0');
      text.write(`${time.slice(0, 8)}-${time.slice(8)}`);
      writtenMs = ms;
    }
    for (const at of RANDOM_DIGITS) text[at] = DIGITS[drawn() % DIGITS.length] ?? 0;
    text[19] = VARIANTS[drawn() % VARIANTS.length] ?? 0;
    return text.toString('latin1');
  };
}
