import { expect, test } from 'vitest';
import { FakeClock } from '../runtime/fake-clock.ts';
import { StoreProbe } from './store-probe.ts';
import { openTemporaryStore } from './temporary-store.ts';

test('a store that takes writes is healthy, and the write is real', async () => {
  using store = openTemporaryStore();
  const clock = new FakeClock();
  const probe = new StoreProbe({ ...store, clock });
  const before = store.database.driver.pragma('user_version', { simple: true });
  expect(await probe.check()).toEqual({ state: 'healthy', reason: null, latencyMs: expect.any(Number) });
  expect(store.database.driver.pragma('user_version', { simple: true })).toBe(Number(before) + 1);
  // Asked again at once, it does not write again; a second later it does.
  await probe.check();
  expect(store.database.driver.pragma('user_version', { simple: true })).toBe(Number(before) + 1);
  clock.advance(1000);
  await probe.check();
  expect(store.database.driver.pragma('user_version', { simple: true })).toBe(Number(before) + 2);
});

test('whoever asks while a write hangs is answered within half a second, and one write is enough for all', async () => {
  using store = openTemporaryStore();
  const clock = new FakeClock();
  let writes = 0;
  const held = Promise.withResolvers<void>();
  const writer = {
    write: async (): Promise<never> => {
      writes += 1;
      await held.promise;
      throw new Error('never committed');
    },
  };
  const probe = new StoreProbe({ database: store.database, writer, clock });
  const answers = [probe.check(), probe.check()];
  clock.advance(500);
  expect(await Promise.all(answers)).toEqual([
    { state: 'degraded', reason: 'a small write takes over 500 ms', latencyMs: null },
    { state: 'degraded', reason: 'a small write takes over 500 ms', latencyMs: null },
  ]);
  expect(writes).toBe(1);
  held.resolve();
});

test('a database that only refuses writes is degraded, one that cannot be read is unhealthy', async () => {
  using store = openTemporaryStore();
  const clock = new FakeClock();
  const probe = new StoreProbe({ ...store, clock });
  store.database.driver.pragma('query_only = ON');
  expect(await probe.check()).toMatchObject({ state: 'degraded', reason: 'the disk refuses writes' });
  store.database.driver.pragma('query_only = OFF');
  clock.advance(1000);
  expect(await probe.check()).toMatchObject({ state: 'healthy' });
  store.database.driver.close();
  clock.advance(1000);
  expect(await probe.check()).toMatchObject({ state: 'unhealthy', reason: 'the database cannot be read' });
  store.reopen();
});

test('regression: a clock that is set back does not make an old answer a fresh one', async () => {
  using store = openTemporaryStore();
  const clock = new FakeClock();
  const probe = new StoreProbe({ ...store, clock });
  expect(await probe.check()).toMatchObject({ state: 'healthy' });
  store.database.driver.pragma('query_only = ON');
  clock.set(-3_600_000);
  clock.advance(1000);
  expect(await probe.check()).toMatchObject({ state: 'degraded' });
});

test('regression: right after a refused write it is not healthy, even where a small one succeeds', async () => {
  using store = openTemporaryStore();
  const clock = new FakeClock();
  const probe = new StoreProbe({ ...store, clock });
  expect(await probe.check()).toMatchObject({ state: 'healthy' });
  probe.refused();
  const refused = { state: 'degraded', reason: 'the disk refused a write a moment ago', latencyMs: expect.any(Number) };
  expect(await probe.check()).toEqual(refused);
  clock.advance(1999);
  expect(await probe.check()).toEqual(refused);
  clock.advance(1000);
  expect(await probe.check()).toMatchObject({ state: 'healthy' });
});
