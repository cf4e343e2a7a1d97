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
 * @throws {SidecarError} `JSON_INVALID`.
 */
export function readJson(text: string): unknown {
  try {
    return secureJson.parse(text);
  } catch (cause) {
    throw new SidecarError('JSON_INVALID', undefined, { cause });
  }
}
