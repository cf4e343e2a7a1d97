import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const lockFile = readFileSync(new URL('../../pnpm-lock.yaml', import.meta.url), 'utf8');

test('the lock file pins every package by integrity', () => {
  const resolutions = lockFile.match(/^ {4}resolution: .*$/gm) ?? [];
  expect(resolutions.length).toBeGreaterThan(50);
  expect(resolutions.filter((line) => !/^ {4}resolution: \{integrity: sha512-[\w+/=]+\}$/.test(line))).toEqual([]);
});

test('the lock file names no registry host', () => {
  expect(lockFile.match(/^.*(?:\b\w+:\/\/|\btarball:|\bregistry\b).*$/gm) ?? []).toEqual([]);
});
