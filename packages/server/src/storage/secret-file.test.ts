import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSecretFile, readSecretFile, replaceSecretFile, SecretFileError } from './secret-file.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sidecar-secret-'));
  path = join(directory, 'secret');
});
afterEach(() => rmSync(directory, { recursive: true }));

test('is its owner’s alone, keeps the time it is given, and leaves nothing else behind', () => {
  expect(readSecretFile(path)).toBeUndefined();
  expect(createSecretFile(path, 'one', 1_000_000)).toBe(true);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readSecretFile(path)).toEqual({ content: Buffer.from('one'), writtenAtMs: 1_000_000 });
  expect(createSecretFile(path, 'two', 2_000_000)).toBe(false);
  expect(readSecretFile(path)?.content.toString()).toBe('one');
  replaceSecretFile(path, 'three', 3_000_000);
  expect(readSecretFile(path)).toEqual({ content: Buffer.from('three'), writtenAtMs: 3_000_000 });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(directory)).toEqual(['secret']);
});

test.each([0o640, 0o604, 0o620, 0o666])('is refused when others may read or write it (mode %o)', (mode) => {
  createSecretFile(path, 'one', 0);
  chmodSync(path, mode);
  expect(() => readSecretFile(path)).toThrow(SecretFileError);
});

test('is neither read nor written through a link', () => {
  const elsewhere = join(directory, 'elsewhere');
  writeFileSync(elsewhere, 'mine', { mode: 0o600 });
  symlinkSync(elsewhere, path);
  expect(() => readSecretFile(path)).toThrow(SecretFileError);
  expect(createSecretFile(path, 'planted', 0)).toBe(false);
  replaceSecretFile(path, 'own', 0);
  expect(readSecretFile(elsewhere)?.content.toString()).toBe('mine');
  expect(readSecretFile(path)?.content.toString()).toBe('own');
});
