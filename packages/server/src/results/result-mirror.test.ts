import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { StoredResult } from '@orchestration-sidecar/shared';
import { CircuitBreakers, type CircuitBreaker } from '../runtime/circuit-breakers.ts';
import { FakeClock } from '../runtime/fake-clock.ts';
import { openTemporaryStore, type TemporaryStore } from '../storage/temporary-store.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { ResultMirror } from './result-mirror.ts';
import { ResultStore } from './result-store.ts';

const AT = { project_id: 'shop', issue_id: 'issue-1', agent_type: 'rust-pro' } as const;
const never = new AbortController().signal;

function world(temporary: TemporaryStore) {
  const root = join(temporary.directory, 'results');
  mkdirSync(root);
  const store = new ResultStore(temporary.database);
  const clock = new FakeClock();
  const open = (breaker?: CircuitBreaker) =>
    new ResultMirror(root, { store, clock, logger: silentLogger, ...(breaker && { breaker }) });
  const put = async (id: string, storedAtMs: number): Promise<StoredResult> => {
    await temporary.writer.write((transaction) =>
      store.insert(transaction, {
        resultId: id,
        projectId: AT.project_id,
        issueId: AT.issue_id,
        agentId: 'a',
        agentType: AT.agent_type,
        status: 'success',
        body: JSON.stringify({ status: 'success', summary: id }),
        timestampMs: storedAtMs,
        storedAtMs,
      }),
    );
    const stored = store.find(AT.project_id, id);
    if (!stored) throw new Error('not stored');
    return stored;
  };
  const shown = (): Record<string, string> => {
    const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    return Object.fromEntries(
      files.map(({ parentPath, name }) => {
        const path = join(parentPath, name);
        const { id } = JSON.parse(readFileSync(path, 'utf8'));
        return [path.slice(root.length + 1), id];
      }),
    );
  };
  return { root, store, clock, open, put, shown };
}

test('the newest result lies under its agent type, earlier ones beside it', async () => {
  using temporary = openTemporaryStore();
  const { open, put, shown } = world(temporary);
  const mirror = open();
  for (const [id, atMs] of [
    ['r1', 1],
    ['r3', 3],
    ['r2', 2],
  ] as const)
    await mirror.add(await put(id, atMs));
  expect(shown()).toEqual({
    'shop/issue-1/rust-pro.json': 'r3',
    'shop/issue-1/rust-pro/r2.json': 'r2',
    'shop/issue-1/rust-pro/r1.json': 'r1',
  });
  expect(await mirror.compare(false, never)).toEqual([]);
});

test('what a killed process left undone is found and put right', async () => {
  using temporary = openTemporaryStore();
  const { root, open, put, shown } = world(temporary);
  const first = open();
  await first.add(await put('r1', 1));
  // Killed after these commits and before their mirrors, in the middle of a file.
  await put('r2', 2);
  await put('r3', 3);
  writeFileSync(join(root, 'shop/issue-1/rust-pro.json.99.1.tmp'), '{');
  mkdirSync(join(root, 'shop/gone'), { recursive: true });
  writeFileSync(join(root, 'shop/gone/rust-pro.json'), '{}');

  const second = open();
  const faults = await second.compare(true, never);
  expect(faults.map(({ fault, path }) => `${fault} ${path}`).toSorted()).toEqual([
    'different results/shop/issue-1/rust-pro.json',
    'extra results/shop/gone/rust-pro.json',
    'extra results/shop/issue-1/rust-pro.json.99.1.tmp',
    'missing results/shop/issue-1/rust-pro/r1.json',
    'missing results/shop/issue-1/rust-pro/r2.json',
  ]);
  expect(shown()).toEqual({
    'shop/issue-1/rust-pro.json': 'r3',
    'shop/issue-1/rust-pro/r2.json': 'r2',
    'shop/issue-1/rust-pro/r1.json': 'r1',
  });
  expect(await second.compare(false, never)).toEqual([]);
});

test('a place that was behind when its next result comes is whole afterwards', async () => {
  using temporary = openTemporaryStore();
  const { open, put, shown } = world(temporary);
  await put('r1', 1);
  await open().add(await put('r2', 2));
  expect(shown()).toEqual({ 'shop/issue-1/rust-pro.json': 'r2', 'shop/issue-1/rust-pro/r1.json': 'r1' });
});

test('a disk that refuses is tried again until the mirror is right', async () => {
  using temporary = openTemporaryStore();
  const { root, clock, open, put, shown } = world(temporary);
  const mirror = open();
  // A file where the directory of the project belongs.
  writeFileSync(join(root, 'shop'), '');
  await mirror.add(await put('r1', 1));
  clock.advance(1000);
  await mirror.close();
  rmSync(join(root, 'shop'));
  const again = open();
  writeFileSync(join(root, 'shop'), '');
  await again.add(await put('r2', 2));
  rmSync(join(root, 'shop'));
  clock.advance(1000);
  await expect.poll(shown).toEqual({ 'shop/issue-1/rust-pro.json': 'r2', 'shop/issue-1/rust-pro/r1.json': 'r1' });
});

test('a comparison found no faults while the breaker around the disk was open', async () => {
  using temporary = openTemporaryStore();
  const { root, clock, open, put, shown } = world(temporary);
  const breaker = new CircuitBreakers({ policy: { failures: 1, probeAfterMs: 3_600_000 } }).around({
    kind: 'result_mirror',
  });
  const mirror = open(breaker);
  writeFileSync(join(root, 'shop'), '');
  await mirror.add(await put('r1', 1));
  expect(breaker.reading()).toMatchObject({ state: 'open' });

  const missing = [{ path: 'results/shop/issue-1/rust-pro.json', fault: 'missing' }];
  expect(await mirror.compare(false, never)).toEqual(missing);
  await expect(mirror.compare(true, never)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  rmSync(join(root, 'shop'));
  expect(await mirror.compare(true, never)).toEqual(missing);
  expect(shown()).toEqual({ 'shop/issue-1/rust-pro.json': 'r1' });
  expect(await mirror.compare(false, never)).toEqual([]);
  clock.advance(1000);
  await mirror.close();
});

test('removed results leave the mirror, and so does their place when they were the last', async () => {
  using temporary = openTemporaryStore();
  const { store, open, put, shown } = world(temporary);
  const mirror = open();
  for (const id of ['r1', 'r2', 'r3']) await mirror.add(await put(id, Number(id.slice(1))));
  const place = { projectId: AT.project_id, issueId: AT.issue_id, agentType: AT.agent_type };
  const remove = async (id: string): Promise<void> => {
    temporary.database.driver.prepare('delete from results where result_id = ?').run(id);
    await mirror.remove([{ ...place, resultId: id }]);
  };
  await remove('r1');
  await remove('r3');
  expect(shown()).toEqual({ 'shop/issue-1/rust-pro.json': 'r2' });
  await remove('r2');
  expect(shown()).toEqual({});
  expect(store.count()).toBe(0);
});

test('a disk that refused left empty directories behind once it had caught up', async () => {
  using temporary = openTemporaryStore();
  const { root, clock, open, put } = world(temporary);
  const mirror = open();
  const { id } = await put('r1', 1);
  const issue = join(root, 'shop/issue-1');
  mkdirSync(join(issue, 'rust-pro.json/in-the-way'), { recursive: true });
  temporary.database.driver.prepare('delete from results').run();
  await mirror.remove([{ projectId: AT.project_id, issueId: AT.issue_id, agentType: AT.agent_type, resultId: id }]);
  expect(existsSync(issue)).toBe(true);
  rmSync(join(issue, 'rust-pro.json'), { recursive: true });
  writeFileSync(join(issue, 'rust-pro.json'), '{}');
  clock.advance(1000);
  await expect.poll(() => existsSync(issue)).toBe(false);
});
