import { isUtf8 } from 'node:buffer';
import secureJson from 'secure-json-parse';
import { SidecarError } from '@orchestration-sidecar/shared';

/**
 * The text of a body or message.
 * @throws {SidecarError} `JSON_INVALID` when it is not UTF-8: replacing what cannot be read would store another text.
 */
export function readText(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new SidecarError('JSON_INVALID', 'The text is not UTF-8.');
  return bytes.toString('utf8');
}

/**
 * Parses JSON that came from outside. Every door reads with this, so that no key that reaches for a prototype gets in.
 * @throws {SidecarError} `JSON_INVALID`; its detail says whether it was such a key.
 */
export function readJson(text: string): unknown {
  const value: unknown = secureJson.safeParse(text);
  if (value === undefined) {
    const detail =
      text === '' ? 'The body is empty: where there is nothing to say, send `{}`.' : 'The text is not JSON.';
    throw new SidecarError('JSON_INVALID', detail);
  }
  // Its word for a refused key, which is also a value.
  if (value === null && text.trim() !== 'null') {
    throw new SidecarError('JSON_INVALID', 'A key reaches for a prototype: `__proto__`, or `constructor.prototype`.');
  }
  return value;
}
