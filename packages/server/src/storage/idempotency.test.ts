import { expect, test } from 'vitest';
import { forgetOutcomes, once, trimOutcomes, type KeyedRequest } from './idempotency.ts';
import { openTemporaryStore } from './temporary-store.ts';

const keyed = (request: unknown, nowMs = 0): KeyedRequest => ({
  caller: 'c',
  procedure: 'p',
  key: 'k',
  request,
  nowMs,
});

test('the same key and request answer the first outcome, whatever the order of keys in the request', async () => {
  using store = openTemporaryStore();
  let done = 0;
  const act = (request: unknown): Promise<{ n: number }> =>
    store.writer.write((transaction) => once(transaction, keyed(request), () => ({ n: (done += 1) })));
  await expect(act({ a: 1, b: { c: 2, d: [3] } })).resolves.toEqual({ n: 1 });
  await expect(act({ b: { d: [3], c: 2 }, a: 1 })).resolves.toEqual({ n: 1 });
  expect(done).toBe(1);
});

test('the same key with another request is a conflict', async () => {
  using store = openTemporaryStore();
  const act = (request: unknown): Promise<string> =>
    store.writer.write((transaction) => once(transaction, keyed(request), () => 'first'));
  await act({ a: 1 });
  await expect(act({ a: 2 })).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
});

test('a key is free again after a day', async () => {
  using store = openTemporaryStore();
  const act = (nowMs: number, answer: string): Promise<string> =>
    store.writer.write((transaction) => once(transaction, keyed({ same: true }, nowMs), () => answer));
  await act(0, 'first');
  await expect(act(86_399_999, 'second')).resolves.toBe('first');
  await expect(act(86_400_001, 'third')).resolves.toBe('third');
});

test('regression: outcomes of publications were bounded by their day alone; the oldest of their project go, and no others', async () => {
  using temporary = openTemporaryStore();
  let store = temporary;
  const act = (over: Partial<KeyedRequest>): Promise<unknown> =>
    store.writer.write((transaction) => once(transaction, { ...keyed({}), ...over }, () => 'done'));
  const publish = (project: string, key: string, procedure = 'events.publish'): Promise<unknown> =>
    act({ caller: `${project}/a`, procedure, key });
  const trim = async (max: number): Promise<unknown[]> => {
    while (await store.writer.write((transaction) => trimOutcomes(transaction, max))) continue;
    return store.database.driver.prepare('select key from idempotency order by rowid').pluck().all();
  };
  await act({ caller: 'p/operator', procedure: 'agents.spawn', key: 'spawn' });
  for (const key of ['p1', 'p2', 'p3', 'p4']) await publish('p', key);
  for (const key of ['q1', 'q2']) await publish('q', key);
  expect(await trim(3)).toEqual(['spawn', 'p2', 'p3', 'p4', 'q1', 'q2']);
  // What was there before a start counts too; a batch counts as all it may hold.
  store = temporary.reopen();
  await publish('q', 'batch', 'events.publishMany');
  expect(await trim(501)).toEqual(['spawn', 'p2', 'p3', 'p4', 'q2', 'batch']);
  expect(await trim(2)).toEqual(['spawn', 'p3', 'p4']);
  // What has had its day is not counted any more.
  await store.writer.write((transaction) => forgetOutcomes(transaction, 86_400_000, 100));
  await publish('p', 'p5');
  await publish('p', 'p6');
  expect(await trim(2)).toEqual(['p5', 'p6']);
});
