import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTemporaryStore, type TemporaryStore } from '../storage/temporary-store.ts';
import { externalRecord } from './agent-record.ts';
import { AgentStore } from './agent-store.ts';
import { builtInProfiles, loadProfiles } from './profiles/index.ts';

let temporary: TemporaryStore;
beforeEach(() => (temporary = openTemporaryStore()));
afterEach(() => temporary[Symbol.dispose]());

test('regression: a page of agents with long tasks ends where it is full; stopping a project sees them all', async () => {
  const store = new AgentStore(temporary.database);
  const profile = loadProfiles([builtInProfiles()]).profiles.get('rust-pro')?.value;
  if (!profile) throw new Error('there is no rust-pro');
  await temporary.writer.write((transaction) => {
    for (let n = 0; n < 20; n += 1) {
      const record = externalRecord('shop', profile, `rust-pro-${n}`, '2026-01-01T00:00:00.000Z');
      const agent = { ...record.agent, state: 'queued' as const };
      store.insert(transaction, { ...record, agent, environment: { TASK_NOTES: 'x'.repeat(600_000) } });
    }
  });
  const first = store.list({ projectId: 'shop', limit: 1000 });
  expect(first.agents).toHaveLength(13);
  const rest = store.list({ projectId: 'shop', limit: 1000, cursor: first.next_cursor ?? '' });
  expect(rest).toMatchObject({ agents: { length: 7 }, next_cursor: null });
  expect(store.liveOf('shop')).toHaveLength(20);
});
