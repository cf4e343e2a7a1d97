import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { AgentFolderSweep } from '../../agents/index.ts';
import { CacheSweep } from '../../context/index.ts';
import { FakeClock } from '../../runtime/fake-clock.ts';
import { Holds, PinStore, Tally, type Sweep, type SweepOptions } from '../../storage/clean-up/index.ts';
import { openTemporaryStore } from '../../storage/temporary-store.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { CleanUp } from './clean-up.ts';
import { DiskQuota } from './disk-quota.ts';
import { LogSweep } from './log-sweep.ts';

const root = mkdtempSync(join(tmpdir(), 'sidecar-clean-up-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let made = 0;

const DAY_MS = 86_400_000;
const NOW_MS = 100 * DAY_MS;
const signal = new AbortController().signal;
const sweeping: SweepOptions = { nowMs: NOW_MS, dryRun: false, signal };

/** A directory with files of 10 bytes, each so many days old. */
function files(ages: Readonly<Record<string, number>>): string {
  const directory = join(root, `${++made}`);
  for (const [name, days] of Object.entries(ages)) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'x'.repeat(10));
    for (let at = path; at !== directory; at = dirname(at)) {
      utimesSync(at, (NOW_MS - days * DAY_MS) / 1000, (NOW_MS - days * DAY_MS) / 1000);
    }
  }
  return directory;
}

test('log files put aside go by their age, those that are written to stay', async () => {
  const directory = files({ 'sidecar.log': 40, 'sidecar.log.1': 2, 'sidecar.log.2': 31, 'agents.log.1': 50 });
  const sweep = new LogSweep({ directory, retentionMs: 30 * DAY_MS });
  expect(await sweep.run({ ...sweeping, dryRun: true })).toMatchObject({ count: 2, bytes: 20 });
  expect(await sweep.run(sweeping)).toMatchObject({ count: 2, bytes: 20 });
  expect(readdirSync(directory).toSorted()).toEqual(['sidecar.log', 'sidecar.log.1']);
});

test('contexts of issues that run or are pinned stay; when the disk is short of room the oldest others go first', async () => {
  using store = openTemporaryStore();
  const insert = store.database.driver.prepare(
    `insert into issues (project_id, issue_id, title, body, status, created_at_ms, updated_at_ms)
     values ('shop', ?, '', '', ?, 0, 0)`,
  );
  insert.run('runs', 'running');
  insert.run('done', 'resolved');
  insert.run('kept', 'resolved');
  await store.writer.write((transaction) =>
    new PinStore(store.database).insert(transaction, { projectId: 'shop', kind: 'issue', id: 'kept' }, 0),
  );
  const directory = files({
    'shop/runs/a.json': 90,
    'shop/kept/a.json': 90,
    'shop/done/old.json': 31,
    'shop/done/older.json': 40,
    'shop/done/new.json': 1,
    'shop/gone/a.json': 20,
  });
  const sweep = new CacheSweep({ directory, holds: new Holds(store.database), retentionMs: 30 * DAY_MS });
  const swept = await sweep.run(sweeping);
  expect(swept).toMatchObject({ count: 2, bytes: 20 });
  expect(Object.fromEntries(swept.kept)).toEqual({
    running: { count: 1, bytes: 10 },
    pinned: { count: 1, bytes: 10 },
  });
  expect(await sweep.run({ ...sweeping, shortOfBytes: 5 })).toMatchObject({ count: 1 });
  expect(existsSync(join(directory, 'shop/gone'))).toBe(false);
  expect(existsSync(join(directory, 'shop/done/new.json'))).toBe(true);
});

test('a folder that the disk will not let go of keeps none of the others back', async () => {
  const directory = files({ 'a/1/stdout.log': 40, 'b/1/stdout.log': 40, 'c/1/stdout.log': 40, 'd/1/stdout.log': 3 });
  const sweep = new AgentFolderSweep({
    directory,
    holdOf: (agentId) => (agentId === 'a' ? 'running' : null),
    retentionMs: 30 * DAY_MS,
    // What the system refuses to remove even from root is hard to come by.
    remove: async (path) => {
      if (path.endsWith('/b')) throw new Error('EBUSY');
      rmSync(path, { recursive: true });
    },
  });
  const swept = await sweep.run(sweeping);
  expect(swept.count).toBe(1);
  expect(Object.fromEntries(swept.kept)).toEqual({
    running: { count: 1, bytes: 10 },
    refused: { count: 1, bytes: 10 },
  });
  expect(readdirSync(directory).toSorted()).toEqual(['a', 'b', 'd']);
});

function counting(): { sweep: Sweep; runs: SweepOptions[] } {
  const runs: SweepOptions[] = [];
  const run = (options: SweepOptions): Promise<Tally> => (runs.push(options), Promise.resolve(new Tally()));
  return { sweep: { kind: 'logs', run }, runs };
}

test('it cleans up by itself soon after the start and then every day, and no more once it is closed', async () => {
  const clock = new FakeClock();
  const { sweep, runs } = counting();
  using store = openTemporaryStore();
  const cleanUp = new CleanUp({ ...store, sweeps: [sweep], clock, logger: silentLogger, everyMs: DAY_MS });
  cleanUp.start();
  clock.advance(5 * 60_000);
  await expect.poll(() => runs.length).toBe(1);
  await cleanUp.run({ dryRun: true });
  for (let day = 1; day <= 3; day += 1) {
    clock.advance(DAY_MS);
    await expect.poll(() => runs.filter(({ dryRun }) => !dryRun).length).toBe(1 + day);
    await cleanUp.run({ dryRun: true });
  }
  await cleanUp.close();
  clock.advance(3 * DAY_MS);
  expect(runs.filter(({ dryRun }) => !dryRun)).toHaveLength(4);
  await expect(cleanUp.run({ dryRun: false })).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
});

test('one kind that fails keeps none of the others from being swept, and is said', async () => {
  const { sweep, runs } = counting();
  const failing: Sweep = { kind: 'audit', run: () => Promise.reject(new Error('no')) };
  using store = openTemporaryStore();
  const cleanUp = new CleanUp({
    ...store,
    sweeps: [failing, sweep],
    clock: new FakeClock(),
    logger: silentLogger,
    everyMs: DAY_MS,
  });
  await expect(cleanUp.run({ dryRun: false })).rejects.toThrow('no');
  expect(runs).toHaveLength(1);
});

test('space that a clean-up frees in the store goes back to the disk, but for a tenth', async () => {
  using store = openTemporaryStore();
  const { database, writer, directory } = store;
  const fileBytes = (): number => statSync(join(directory, 'sidecar.db')).size;
  const insert = database.driver.prepare(`insert into audit (sequence, at_ms, body, hash) values (?, 0, ?, '')`);
  await writer.write(() => {
    for (let n = 1; n <= 500; n += 1) insert.run(n, 'x'.repeat(4000));
  });
  const full = database.sizeBytes();
  await store.checkpoint();
  expect(fileBytes()).toBe(full);
  await writer.write(() => database.driver.exec('delete from audit where sequence > 10'));
  expect(database.sizeBytes()).toBe(full);
  const steps: number[] = [];
  const counted = {
    ...database,
    release: (pages: number): number => {
      steps.push(pages);
      return database.release(pages);
    },
  };
  const cleanUp = new CleanUp({
    database: counted,
    writer,
    checkpoint: () => store.checkpoint(),
    sweeps: [],
    clock: new FakeClock(),
    logger: silentLogger,
    everyMs: DAY_MS,
  });
  const { store: said } = await cleanUp.run({ dryRun: true });
  expect(said).toEqual({ released_bytes: 0, free_bytes: database.freeBytes() });
  const { store: done } = await cleanUp.run({ dryRun: false });
  expect(database.sizeBytes()).toBe(full - done.released_bytes);
  expect(fileBytes()).toBe(database.sizeBytes());
  expect(database.freeBytes()).toBeLessThanOrEqual(database.sizeBytes() / 10);
  expect(steps.length).toBeGreaterThan(2);
  expect(Math.max(...steps)).toBeLessThanOrEqual(64);
  expect(database.driver.pragma('integrity_check', { simple: true })).toBe('ok');
});

test('the whole store was moved together though the files that went were room enough', async () => {
  using store = openTemporaryStore();
  const released: number[] = [];
  const database = {
    ...store.database,
    freeBytes: () => 1_000_000,
    release: (pages: number) => (released.push(pages), 0),
  };
  const freed = new Tally();
  freed.remove({ count: 1, bytes: 500 });
  const sweep: Sweep = { kind: 'logs', run: () => Promise.resolve(freed) };
  const needs = { ...store, database, clock: new FakeClock(), logger: silentLogger, everyMs: DAY_MS };
  const cleanUp = new CleanUp({ ...needs, sweeps: [sweep] });
  await cleanUp.relieve(500);
  expect(released).toEqual([]);
  await cleanUp.relieve(501);
  expect(released).toHaveLength(1);
});

test('a directory that fills up is warned of, then relieved, then kept from growing much, until there is room again', async () => {
  let used = 700;
  let freed = 0;
  const quota = new DiskQuota({
    quotaBytes: 1000,
    measure: async () => used,
    relieve: async (bytes) => {
      freed += bytes;
      used -= Math.min(bytes, 150);
    },
    clock: new FakeClock(),
    logger: silentLogger,
  });
  const large = { growth: 'large' } as const;
  const bySize = { growth: 'by_size' } as const;
  await quota.look();
  expect(quota).toMatchObject({ warning: null, reading: { state: 'plenty', usedBytes: 700 } });
  used = 800;
  await quota.look();
  expect(quota.warning).toContain('80 %');
  quota.mustFit(large, {});
  used = 1100;
  await quota.look();
  expect(freed).toBe(200);
  expect(quota.reading).toMatchObject({ state: 'scarce', usedBytes: 950 });
  used = 1300;
  await quota.look();
  expect(quota.reading.state).toBe('full');
  expect(() => quota.mustFit(large, {})).toThrow(expect.objectContaining({ code: 'DISK_QUOTA_EXCEEDED' }));
  expect(() => quota.mustFit(bySize, { text: 'x'.repeat(70_000) })).toThrow(
    expect.objectContaining({ code: 'DISK_QUOTA_EXCEEDED' }),
  );
  quota.mustFit(bySize, { text: 'small' });
  quota.mustFit({}, { text: 'x'.repeat(70_000) });
  used = 100;
  await quota.look();
  quota.mustFit(large, {});
  expect(quota.warning).toBeNull();
});
