import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { gitRoot } from './git-root.ts';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'sidecar-git-root-'))));
afterEach(() => rmSync(directory, { recursive: true }));

it('finds the nearest working tree above, a linked one included', () => {
  const inner = join(directory, 'vendor', 'linked');
  mkdirSync(join(inner, 'src'), { recursive: true });
  expect(gitRoot(join(inner, 'src'))).toBeNull();
  mkdirSync(join(directory, '.git'));
  expect(gitRoot(join(inner, 'src'))).toBe(directory);
  writeFileSync(join(inner, '.git'), 'gitdir: elsewhere\n');
  expect(gitRoot(join(inner, 'src'))).toBe(inner);
  expect(gitRoot(inner)).toBe(inner);
});
