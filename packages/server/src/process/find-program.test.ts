import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findProgram } from './find-program.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sidecar-find-'));
  for (const folder of ['a', 'b', 'c']) mkdirSync(join(root, folder));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function program(path: string, mode = 0o755): string {
  const file = join(root, path);
  writeFileSync(file, '#!/bin/sh\n');
  chmodSync(file, mode);
  return file;
}

const path = (...folders: string[]): string => folders.map((folder) => join(root, folder)).join(':');

test('the first executable file of that name is it', async () => {
  program('a/agent', 0o644);
  mkdirSync(join(root, 'b/agent'));
  const file = program('c/agent');
  expect(await findProgram('agent', path('a', 'b', 'c'))).toEqual({ kind: 'found', path: file });
});

test('a file that may not be run is told apart from none', async () => {
  const file = program('a/agent', 0o644);
  expect(await findProgram('agent', path('a', 'b'))).toEqual({ kind: 'not_executable', path: file });
  expect(await findProgram('other', path('a', 'b'))).toEqual({
    kind: 'missing',
    searched: [join(root, 'a/other'), join(root, 'b/other')],
  });
});

test('a name with a slash is a path from the working directory', async () => {
  const file = program('b/agent');
  expect(await findProgram('./agent', path('a'), join(root, 'b'))).toEqual({ kind: 'found', path: file });
  expect(await findProgram(file, '')).toEqual({ kind: 'found', path: file });
});

test('relative and empty entries of the search path are skipped', async () => {
  program('a/agent');
  expect(await findProgram('agent', ':.:a', join(root, 'a'))).toEqual({ kind: 'missing', searched: [] });
});
