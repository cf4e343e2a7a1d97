import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { installDigest, removeStamp, validStamp, writeStamp } from './install-stamp.mjs';

let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'install-stamp-'));
  mkdirSync(join(root, 'packages/one/node_modules/zod'), { recursive: true });
  write('pnpm-lock.yaml', 'lock');
  write('package.json', '{}');
  write('packages/one/package.json', '{"dependencies":{"zod":"1"}}');
  writeStamp(root, { digest: installDigest(root), pinnedNodeRuns: true });
});

afterEach(() => rmSync(root, { recursive: true }));

test('an untouched install stays valid', () => {
  expect(valid()).toEqual({ digest: installDigest(root), pinnedNodeRuns: true });
});

test.each(['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', 'packages/one/package.json', '.npmrc'])(
  'a change of %s asks for a new install',
  (file) => {
    write(file, '{"version":"2"}');
    expect(valid()).toBeUndefined();
  },
);

test('a new package asks for a new install', () => {
  mkdirSync(join(root, 'packages/two'));
  write('packages/two/package.json', '{}');
  expect(valid()).toBeUndefined();
});

test('a source file asks for nothing', () => {
  write('packages/one/index.ts', 'export {};');
  expect(valid()).toBeDefined();
});

test.each(['node_modules', 'packages/one/node_modules'])('removing %s asks for a new install', (directory) => {
  rmSync(join(root, directory), { recursive: true });
  expect(valid()).toBeUndefined();
});

test('an install that has begun and not ended is not valid', () => {
  removeStamp(root);
  expect(valid()).toBeUndefined();
});

function valid() {
  return validStamp(root, installDigest(root));
}

/**
 * @param {string} file
 * @param {string} text
 */
function write(file, text) {
  writeFileSync(join(root, file), text);
}
