import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { DirectoryBusyError, lockDirectory } from './directory-lock.ts';

const root = mkdtempSync(join(tmpdir(), 'sidecar-lock-'));
afterAll(() => rmSync(root, { recursive: true }));

test('a second owner is refused with the pid of the first, until that one lets go', () => {
  const first = lockDirectory(root, 4711);
  expect(() => lockDirectory(root, 4712)).toThrow(new DirectoryBusyError(root, 4711));
  expect(() => lockDirectory(root, 4712)).toThrow(/process 4711/);
  first.release();
  const second = lockDirectory(root, 4712);
  expect(() => lockDirectory(root, 4713)).toThrow(/process 4712/);
  second.release();
});
