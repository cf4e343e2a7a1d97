import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createIds } from '../runtime/ids.ts';
import { openOperatorToken } from './operator-token.ts';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'sidecar-operator-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('the operator token', () => {
  test('is made by the first start and kept by the next, and nothing else is taken for it', () => {
    const path = join(directory, 'operator.token');
    const nowMs = Date.now();
    const ids = createIds(() => nowMs);
    const made = openOperatorToken(path, ids, nowMs);
    const token = readFileSync(path, 'utf8').trim();
    for (const operator of [made, openOperatorToken(path, ids, nowMs)]) {
      // What was compared before must not show through in what is shorter.
      for (const presented of [token, '', token.slice(0, -1), `${token}x`, `${token}\0`, `${token.slice(0, -1)}\0`]) {
        expect(operator.matches(presented), presented).toBe(presented === token);
      }
      expect(operator.matches(token.toUpperCase())).toBe(false);
      expect(operator.matches(`${token.slice(0, -1)}é`)).toBe(false);
      expect(operator.matches(token)).toBe(true);
    }
  });
});
