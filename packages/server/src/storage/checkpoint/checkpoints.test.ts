import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { openTemporaryStore, type TemporaryStore } from '../temporary-store.ts';
import { Writer } from '../writer.ts';
import { Checkpoints } from './checkpoints.ts';

const PATIENCE = { timeout: 20_000, interval: 20 };
const open: Disposable[] = [];
afterEach(() => {
  for (const it of open.splice(0).toReversed()) it[Symbol.dispose]();
});

/** A store without SQLite’s own checkpoints, and what it logs. */
function storeWithThread(): { store: TemporaryStore; checkpoints: Checkpoints; writer: Writer; logged: string[] } {
  const store = openTemporaryStore();
  open.push(store);
  store.database.driver.pragma('wal_autocheckpoint = 0');
  const logged: string[] = [];
  const checkpoints = new Checkpoints({
    path: join(store.directory, 'sidecar.db'),
    walBytes: () => store.database.walBytes(),
    clock: systemClock,
    logger: createLogger('warn', { write: (line) => void logged.push(line) }),
  });
  const writer = new Writer(store.database, () => checkpoints.committed());
  return { store, checkpoints, writer, logged };
}

/** Writes so many rows of a page each. */
function write(writer: Writer, rows: number): Promise<void> {
  return writer.write(({ database }) => {
    const insert = database.driver.prepare(
      `insert into audit (sequence, at_ms, body, hash) values ((select coalesce(max(sequence), 0) + 1 from audit), 0, ?, '')`,
    );
    for (let n = 0; n < rows; n += 1) insert.run('x'.repeat(4000));
  });
}

test('a log worth it is copied beside those who commit, and is begun anew', async () => {
  const { store, checkpoints, writer, logged } = storeWithThread();
  const fileBytes = (): number => statSync(join(store.directory, 'sidecar.db')).size;
  await write(writer, 400);
  await expect.poll(fileBytes, PATIENCE).toBe(store.database.sizeBytes());
  const walBytes = store.database.walBytes();
  for (let n = 0; n < 20; n += 1) {
    await write(writer, 300);
    await expect.poll(() => waiting(store), PATIENCE).toBeLessThan(250);
  }
  expect(store.database.walBytes()).toBeLessThan(3 * walBytes);
  await checkpoints.close();
  expect(store.database.driver.pragma('integrity_check', { simple: true })).toBe('ok');
  expect(logged).toEqual([]);
});

test('a small log is left alone until it is asked for', async () => {
  const { store, checkpoints, writer } = storeWithThread();
  await write(writer, 10);
  expect(waiting(store)).toBeGreaterThan(10);
  await checkpoints.run();
  expect(waiting(store)).toBe(0);
  await checkpoints.close();
  await checkpoints.close();
  await checkpoints.run();
});

test('a store that cannot be opened by the thread is said once, and keeps nobody waiting', async () => {
  const logged: string[] = [];
  const checkpoints = new Checkpoints({
    path: '/nowhere/sidecar.db',
    walBytes: () => 0,
    clock: systemClock,
    logger: createLogger('warn', { write: (line) => void logged.push(line) }),
  });
  await checkpoints.run();
  await checkpoints.run();
  expect(logged).toHaveLength(1);
  expect(logged[0]).toContain('directory does not exist');
  await checkpoints.close();
});

/** Pages of the log that are not in the store yet. */
function waiting({ database }: TemporaryStore): number {
  const { log, checkpointed } = database.driver
    .prepare<[], { log: number; checkpointed: number }>('pragma wal_checkpoint(NOOP)')
    .get() ?? { log: 0, checkpointed: 0 };
  return log - checkpointed;
}
