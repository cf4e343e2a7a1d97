import { expect, test } from 'vitest';
import { once, type KeyedRequest } from './idempotency.ts';
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
