import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTemporaryStore, type TemporaryStore } from '../storage/temporary-store.ts';
import { ResultStore } from './result-store.ts';

let temporary: TemporaryStore;
beforeEach(() => (temporary = openTemporaryStore()));
afterEach(() => temporary[Symbol.dispose]());

test('regression: a page of large results ends where it is full, and the next one goes on from there', async () => {
  const store = new ResultStore(temporary.database);
  const body = JSON.stringify({ status: 'success', summary: 'x'.repeat(3_000_000) });
  await temporary.writer.write((transaction) => {
    for (let n = 0; n < 7; n += 1) {
      const place = { projectId: 'shop', issueId: 'i', agentId: 'a', agentType: 'rust-pro', status: 'success' };
      store.insert(transaction, { ...place, resultId: `r${n}`, body, timestampMs: n, storedAtMs: n });
    }
  });
  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = store.list({ projectId: 'shop', limit: 1000, cursor });
    pages.push(page.results.map(({ id }) => id));
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  expect(pages).toEqual([['r6', 'r5'], ['r4', 'r3'], ['r2', 'r1'], ['r0']]);
});
