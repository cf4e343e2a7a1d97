import { timingSafeEqual } from 'node:crypto';
import type { Ids } from '../runtime/ids.ts';
import { createSecretFile, readSecretFile, SecretFileError } from '../storage/secret-file.ts';

/** Starts every operator token, so that one is recognised in a log or a diff. */
const PREFIX = 'sidecar_op_';
/** Fewest characters that are taken for a secret. */
const MIN_CHARS = 32;

/** The secret of the operator (DECISIONS 18). */
export interface OperatorToken {
  /** Whether a bearer token is the operator’s; how long that takes tells nothing of how much of it is right. */
  matches(presented: string): boolean;
}

/**
 * Reads the operator token; the first start writes it, mode 0600.
 * @throws {SecretFileError} when others could have read it, or when it is too short to be a secret.
 */
export function openOperatorToken(path: string, ids: Ids, nowMs: number): OperatorToken {
  if (readSecretFile(path) === undefined) createSecretFile(path, `${PREFIX}${ids.secret(32)}\n`, nowMs);
  const token = readSecretFile(path)?.content.toString('utf8').trim() ?? '';
  if (token.length < MIN_CHARS) throw new SecretFileError(`${path} holds no token. Remove it to have one made.`);
  const expected = Buffer.from(token);
  const compared = Buffer.alloc(expected.length);
  return {
    matches(presented) {
      // As many bytes whatever is presented: what is longer is cut, and what is shorter ends in zeros.
      compared.fill(0).write(presented);
      return timingSafeEqual(compared, expected) && Buffer.byteLength(presented) === expected.length;
    },
  };
}
