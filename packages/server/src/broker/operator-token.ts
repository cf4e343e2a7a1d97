import { createHash, timingSafeEqual } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Ids } from '../runtime/ids.ts';

/** Starts every operator token, so that one is recognised in a log or a diff. */
const PREFIX = 'sidecar_op_';

/** The secret of the operator (DECISIONS 18). */
export interface OperatorToken {
  /** Whether a bearer token is the operator’s; takes the same time whatever is presented. */
  matches(presented: string): boolean;
}

/** Reads the operator token; the first start writes it, mode 0600. */
export function openOperatorToken(path: string, ids: Ids): OperatorToken {
  if (!existsSync(path)) writeFileSync(path, `${PREFIX}${ids.secret(32)}\n`, { mode: 0o600, flag: 'wx' });
  chmodSync(path, 0o600);
  const expected = digest(readFileSync(path, 'utf8').trim());
  return { matches: (presented) => timingSafeEqual(digest(presented), expected) };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
