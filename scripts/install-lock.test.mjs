import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withLock } from './install-lock.mjs';

let root = '';
let lock = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'install-lock-'));
  lock = join(root, 'lock');
});

afterEach(() => rmSync(root, { recursive: true }));

test('the lock is gone after the work, also after work that failed', async () => {
  expect(await withLock(lock, () => Promise.resolve(7))).toBe(7);
  await expect(withLock(lock, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(readdirSync(root)).toEqual([]);
});

test('of many processes one works at a time, though a dead holder is in the way', async () => {
  holdAs(`${deadPid()}@${hostname()}@dead`);
  const journal = join(root, 'journal');
  const program = `
    import { appendFileSync } from 'node:fs';
    import { setTimeout as sleep } from 'node:timers/promises';
    import { withLock } from ${JSON.stringify(new URL('install-lock.mjs', import.meta.url).href)};
    await withLock(${JSON.stringify(lock)}, async () => {
      appendFileSync(${JSON.stringify(journal)}, 'in ');
      await sleep(20);
      appendFileSync(${JSON.stringify(journal)}, 'out ');
    });`;
  const ends = Array.from({ length: 8 }, () =>
    once(spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' }), 'exit'),
  );
  expect(await Promise.all(ends)).toEqual(ends.map(() => [0, null]));
  expect(readFileSync(journal, 'utf8')).toBe('in out '.repeat(8));
  expect(existsSync(lock)).toBe(false);
});

test('a living holder is waited for and named once', async () => {
  holdAs(`${process.pid}@${hostname()}@alive`);
  /** @type {string[]} */
  const told = [];
  const work = withLock(
    lock,
    () => Promise.resolve(),
    (holder) => told.push(holder),
  );
  await sleep(250);
  expect(told).toEqual([`process ${process.pid}`]);
  rmSync(lock, { recursive: true });
  await work;
});

test('a holder that has shown no sign of life for long has lost the lock', async () => {
  const file = holdAs(`${process.pid}@another-host@silent`);
  utimesSync(file, new Date(0), new Date(0));
  expect(await withLock(lock, () => Promise.resolve('taken'))).toBe('taken');
});

/** @param {string} owner */
function holdAs(owner) {
  mkdirSync(lock);
  writeFileSync(join(lock, owner), '');
  return join(lock, owner);
}

function deadPid() {
  return spawnSync(process.execPath, ['-e', '']).pid;
}
