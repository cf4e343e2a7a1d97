import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FakeClock } from '../runtime/fake-clock.ts';
import { createIds } from '../runtime/ids.ts';
import { openTemporaryStore, type TemporaryStore } from '../storage/temporary-store.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { EventLogMirror } from './event-log-mirror.ts';
import { EventLog } from './event-log.ts';

function world(temporary: TemporaryStore) {
  const clock = new FakeClock();
  const nowMs = (): number => clock.nowMs();
  const log = new EventLog({ database: temporary.database, ids: createIds(nowMs), nowMs });
  const directory = join(temporary.directory, 'events');
  mkdirSync(directory, { recursive: true });
  const path = join(directory, 'event-log.jsonl');
  const open = (bounds: { maxWaitingChars?: number; maxBusyChars?: number } = {}) =>
    new EventLogMirror(path, log, { clock, logger: silentLogger, ...bounds });
  const draft = {
    projectId: 'p',
    eventType: 'tick',
    topic: 'implementation',
    publisher: 'a',
    publisherType: 'rust-pro',
  };
  const publish = (n: number): Promise<unknown> =>
    temporary.writer.write((transaction) => log.append(transaction, { ...draft, data: { n } }));
  const publishMany = (from: number, count: number): Promise<unknown> =>
    temporary.writer.write((transaction) => {
      const batch = log.batch(transaction, 'p');
      for (let n = from; n < from + count; n += 1) batch.add({ ...draft, data: { n } });
      batch.store();
    });
  const lines = (): number[] =>
    readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line).data.n);
  return { clock, log, directory, path, open, publish, publishMany, lines };
}

test('the file holds what is in the log, also what a killed process did not write', async () => {
  using temporary = openTemporaryStore();
  const { directory, path, open, publish, lines } = world(temporary);
  for (const n of [1, 2, 3]) await publish(n);
  writeFileSync(path, '{"data":{"n":1}}\n{"data":');
  writeFileSync(`${path}.7.1.tmp`, '');
  const mirror = open();
  await publish(4);
  await mirror.settled();
  expect(lines()).toEqual([1, 2, 3, 4]);
  expect(readdirSync(directory)).toEqual(['event-log.jsonl']);
  await mirror.close();
});

test('events that leave the log leave the file once the log is quiet', async () => {
  using temporary = openTemporaryStore();
  const { clock, log, open, publish, lines } = world(temporary);
  const mirror = open();
  for (const n of [1, 2, 3]) await publish(n);
  await mirror.settled();
  await temporary.writer.write((transaction) => log.remove(transaction, 'p', log.surplus('p', 1, 10)));
  // Whatever the first writing took, twenty times that is over.
  clock.advance(3_600_000);
  await expect.poll(lines).toEqual([3]);
  await mirror.close();
});

test('a difference is found, and put right when that is asked for', async () => {
  using temporary = openTemporaryStore();
  const { path, open, publish, lines } = world(temporary);
  const mirror = open();
  await publish(1);
  expect(await mirror.compare(false)).toEqual([]);
  appendFileSync(path, '{"data":{"n":99}}\n');
  expect(await mirror.compare(false)).toEqual([{ path: 'events/event-log.jsonl', fault: 'different' }]);
  expect(await mirror.compare(true)).toHaveLength(1);
  expect(await mirror.compare(false)).toEqual([]);
  expect(lines()).toEqual([1]);
  await mirror.close();
});

test('regression: large events on their way to a slow disk filled the memory; what does not fit is taken from the log', async () => {
  using temporary = openTemporaryStore();
  const { path, open, publish, lines } = world(temporary);
  const mirror = open({ maxWaitingChars: 1000 });
  await publish(0);
  await mirror.settled();
  const file = statSync(path).ino;
  await publish(1);
  await mirror.settled();
  expect(statSync(path).ino).toBe(file);
  // Nothing is written while the clock stands.
  for (const n of [2, 3, 4, 5, 6]) await publish(n);
  await mirror.settled();
  expect(statSync(path).ino).not.toBe(file);
  expect(lines()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  await mirror.close();
});

test('regression: what was to be put right while the disk refused is put right once it does not', async () => {
  using temporary = openTemporaryStore();
  const { clock, directory, path, open, publish, lines } = world(temporary);
  const mirror = open();
  await publish(1);
  await mirror.settled();
  appendFileSync(path, '{"data":{"n":99}}\n');
  renameSync(directory, `${directory}.away`);
  writeFileSync(directory, '');
  await expect(mirror.compare(true)).rejects.toThrow(directory);
  rmSync(directory);
  renameSync(`${directory}.away`, directory);
  clock.advance(1000);
  await expect.poll(lines).toEqual([1]);
  await mirror.close();
});

test.each([
  { what: 'short', bounds: {}, most: 50_000 },
  { what: 'long', bounds: { maxBusyChars: 1 }, most: 20_000 },
])('while the log is busy the file grows to $most $what lines, and is then cut to 10,000', async ({ bounds, most }) => {
  using temporary = openTemporaryStore();
  const { clock, path, open, publishMany, lines } = world(temporary);
  const mirror = open(bounds);
  await mirror.settled();
  const file = statSync(path, { throwIfNoEntry: false })?.ino;
  const grow = async (from: number, count: number): Promise<void> => {
    await publishMany(from, count);
    // Less than what makes a log quiet.
    clock.advance(100);
  };
  for (let from = 0; from < most; from += 10_000) {
    await grow(from, 10_000);
    await expect.poll(() => readFileSync(path, 'utf8').split('\n').length - 1).toBe(from + 10_000);
  }
  await grow(most, 1);
  await expect.poll(() => statSync(path).ino).not.toBe(file);
  expect(lines()).toEqual(Array.from({ length: 10_000 }, (_, n) => most - 9999 + n));
  await mirror.close();
});
