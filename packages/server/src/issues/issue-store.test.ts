import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTemporaryStore, type TemporaryStore } from '../storage/temporary-store.ts';
import { IssueStore } from './issue-store.ts';

let temporary: TemporaryStore;
beforeEach(() => (temporary = openTemporaryStore()));
afterEach(() => temporary[Symbol.dispose]());

test('regression: a page of long issues ends where it is full, and the next one goes on from there', async () => {
  const store = new IssueStore(temporary.database);
  const issue = { projectId: 'shop', title: 't', body: 'x'.repeat(262_144), status: 'open' };
  await temporary.writer.write((transaction) => {
    for (let n = 0; n < 40; n += 1) {
      store.insert(transaction, { ...issue, issueId: `i-${n}`, createdAtMs: n, updatedAtMs: n });
    }
  });
  const first = store.list({ projectId: 'shop', limit: 1000 });
  expect(first.issues).toHaveLength(32);
  const rest = store.list({ projectId: 'shop', limit: 1000, cursor: first.next_cursor ?? '' });
  expect(rest).toMatchObject({ issues: { length: 8 }, next_cursor: null });
  expect(new Set([...first.issues, ...rest.issues].map(({ issue_id: id }) => id)).size).toBe(40);
});
