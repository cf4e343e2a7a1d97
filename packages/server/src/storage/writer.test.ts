import { SidecarError } from '@orchestration-sidecar/shared';
import { expect, test } from 'vitest';
import { nonces } from './schema.ts';
import { openTemporaryStore, type TemporaryStore } from './temporary-store.ts';
import { Writer, type Transaction } from './writer.ts';

const remember = (nonce: string) => (transaction: Transaction) => {
  transaction.database.query.insert(nonces).values({ publisher: 'p', nonce, expiresAtMs: 1 }).run();
  return nonce;
};
const remembered = (store: TemporaryStore): string[] =>
  store.database.query
    .select()
    .from(nonces)
    .all()
    .map((row) => row.nonce)
    .toSorted();

test('jobs that arrive together are committed together and told in order, after the commit', async () => {
  using store = openTemporaryStore();
  const told: string[] = [];
  const write = (nonce: string): Promise<string> =>
    store.writer.write((transaction) => {
      transaction.afterCommit(() => told.push(`${nonce}:${store.database.driver.inTransaction}`));
      return remember(nonce)(transaction);
    });
  await expect(Promise.all([write('a'), write('b'), write('c')])).resolves.toEqual(['a', 'b', 'c']);
  expect(told).toEqual(['a:false', 'b:false', 'c:false']);
  expect(remembered(store)).toEqual(['a', 'b', 'c']);
});

test('regression: where SQLite undoes the transaction by itself, neighbours are committed together without the job', async () => {
  using store = openTemporaryStore();
  await store.writer.write(remember('taken'));
  const outcomes = await Promise.allSettled([
    store.writer.write(remember('a')),
    // Like a full disk may, this conflict rolls the whole transaction back and changes no row.
    store.writer.write(({ database }) =>
      database.driver
        .prepare("insert or rollback into nonces (publisher, nonce, expires_at_ms) values ('p', 'taken', 1)")
        .run(),
    ),
    store.writer.write(remember('b')),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(remembered(store)).toEqual(['a', 'b', 'taken']);
});

test('a job that fails before writing leaves its neighbours alone', async () => {
  using store = openTemporaryStore();
  const outcomes = await Promise.allSettled([
    store.writer.write(remember('a')),
    store.writer.write(() => {
      throw new SidecarError('ISSUE_EXISTS');
    }),
    store.writer.write(remember('b')),
  ]);
  expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(remembered(store)).toEqual(['a', 'b']);
});

test('a job that fails after writing is undone alone, and what it prepared in memory is taken back', async () => {
  using store = openTemporaryStore();
  const undone: string[] = [];
  const told: string[] = [];
  const outcomes = await Promise.allSettled([
    store.writer.write((transaction) => {
      transaction.afterCommit(() => told.push('a'));
      return remember('a')(transaction);
    }),
    store.writer.write((transaction) => {
      transaction.afterRollback(() => undone.push('bad'));
      transaction.afterCommit(() => told.push('bad'));
      remember('bad')(transaction);
      throw new Error('changed its mind');
    }),
    store.writer.write(remember('b')),
  ]);
  expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(remembered(store)).toEqual(['a', 'b']);
  expect({ told, undone }).toEqual({ told: ['a'], undone: ['bad'] });
});

test('regression: a job that cannot be told of keeps no other from being told of and answered', async () => {
  using store = openTemporaryStore();
  const [told, faults]: [string[], unknown[]] = [[], []];
  const writer = new Writer(store.database, undefined, (cause) => faults.push(cause));
  const fault = new Error('nobody listens');
  const write = (nonce: string): Promise<string> =>
    writer.write((transaction) => {
      transaction.afterCommit(() => {
        if (nonce === 'bad') throw fault;
        told.push(nonce);
      });
      return remember(nonce)(transaction);
    });
  await expect(Promise.all([write('a'), write('bad'), write('b')])).resolves.toEqual(['a', 'bad', 'b']);
  expect({ told, faults }).toEqual({ told: ['a', 'b'], faults: [fault] });
  expect(remembered(store)).toEqual(['a', 'b', 'bad']);
});

test('many jobs are committed in few transactions, all of them', async () => {
  using store = openTemporaryStore();
  const names = Array.from({ length: 2000 }, (_, index) => `n${index}`);
  await Promise.all(names.map((name) => store.writer.write(remember(name))));
  expect(remembered(store)).toEqual(names.toSorted());
});

test('a full disk is one code that can be tried again', async () => {
  using store = openTemporaryStore();
  const committed: boolean[] = [];
  const writer = new Writer(store.database, (report) => committed.push(report.committed));
  store.database.driver.pragma('max_page_count = 1');
  const big = 'x'.repeat(100_000);
  await expect(writer.write(remember(big))).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE', retryable: true });
  store.database.driver.pragma('max_page_count = 1000000');
  await expect(writer.write(remember('small'))).resolves.toBe('small');
  // Told, also where only one job met it.
  expect(committed).toEqual([false, true]);
});

test('closing commits what waits and refuses what comes later', async () => {
  using store = openTemporaryStore();
  const writer = new Writer(store.database);
  const waiting = writer.write(remember('last'));
  writer.close();
  await expect(waiting).resolves.toBe('last');
  await expect(writer.write(remember('late'))).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  expect(remembered(store)).toEqual(['last']);
});

test('what is written beside waits for the disk only together with what cannot, and is as durable once it resolves', async () => {
  using store = openTemporaryStore();
  const waits: unknown[] = [];
  let flushed = 0;
  const database = { ...store.database, flush: () => ((flushed += 1), store.database.flush()) };
  const writer = new Writer(database);
  const job = (nonce: string) => (transaction: Transaction) => {
    waits.push(store.database.driver.pragma('synchronous', { simple: true }));
    return remember(nonce)(transaction);
  };
  const [NORMAL, FULL] = [1, 2];
  await writer.writeBeside(job('a'));
  expect([waits.splice(0), flushed]).toEqual([[NORMAL], 1]);
  await Promise.all([writer.writeBeside(job('b')), writer.write(job('c'))]);
  expect([waits.splice(0), flushed]).toEqual([[FULL, FULL], 1]);
  // Nothing changed: there is nothing to wait for.
  await writer.writeBeside(() => waits.push(0));
  await writer.write(job('d'));
  expect([waits, flushed]).toEqual([[0, FULL], 1]);
  expect(remembered(store)).toEqual(['a', 'b', 'c', 'd']);
});

test('a disk that refuses what was written beside is said to whoever wrote it', async () => {
  using store = openTemporaryStore();
  const refused = Object.assign(new Error('no'), { code: 'EIO' });
  const writer = new Writer({ ...store.database, flush: () => Promise.reject(refused) });
  await expect(writer.writeBeside(remember('a'))).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  await expect(writer.write(remember('b'))).resolves.toBe('b');
});
