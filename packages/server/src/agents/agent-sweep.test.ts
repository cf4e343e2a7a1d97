import { expect, test } from 'vitest';
import { Holds, PinStore } from '../storage/clean-up/index.ts';
import { openTemporaryStore } from '../storage/temporary-store.ts';
import { externalRecord } from './agent-record.ts';
import { AgentStore } from './agent-store.ts';
import { AgentSweep } from './agent-sweep.ts';
import { builtInProfiles, loadProfiles } from './profiles/index.ts';

const DAY_MS = 86_400_000;
const NOW_MS = 100 * DAY_MS;
const dayOf = (day: number): string => new Date(day * DAY_MS).toISOString();

test('agents that ended long ago go; those that may act, have a folder, or belong to what runs or is pinned stay', async () => {
  using temporary = openTemporaryStore();
  const { database, writer } = temporary;
  const store = new AgentStore(database);
  const profile = loadProfiles([builtInProfiles()]).profiles.get('rust-pro')?.value;
  if (!profile) throw new Error('there is no rust-pro');
  const issue = database.driver.prepare(
    `insert into issues (project_id, issue_id, title, body, status, created_at_ms, updated_at_ms) values ('shop', ?, '', '', ?, 0, 0)`,
  );
  for (const [id, status] of [
    ['done', 'resolved'],
    ['kept', 'resolved'],
    ['paused', 'paused'],
  ] as const)
    issue.run(id, status);
  const add = (agentId: string, state: 'exited' | 'running' | 'external', issueId: string | null, endedOn?: number) =>
    writer.write((transaction) => {
      const record = externalRecord('shop', profile, agentId, dayOf(1));
      const ended_at = endedOn === undefined ? null : dayOf(endedOn);
      store.insert(transaction, { ...record, agent: { ...record.agent, state, issue_id: issueId, ended_at } });
    });
  await add('old', 'exited', 'done', 60);
  await add('alone', 'exited', null, 60);
  await add('former', 'external', null);
  await add('late', 'exited', 'done', 80);
  await add('with-folder', 'exited', 'done', 60);
  await add('pinned', 'exited', 'kept', 60);
  await add('of-paused', 'exited', 'paused', 60);
  await add('alive', 'running', null);
  await add('guest', 'external', null);
  database.driver.prepare(`insert into tokens values ('t', 'guest', 'shop', ?, null)`).run(NOW_MS + 1);
  await writer.write((transaction) =>
    new PinStore(database).insert(transaction, { projectId: 'shop', kind: 'issue', id: 'kept' }, 0),
  );
  const sweep = new AgentSweep({
    store,
    holds: new Holds(database),
    writer,
    hasFolder: (agentId) => agentId === 'with-folder',
    retentionMs: 30 * DAY_MS,
  });
  const ids = (): string[] => database.driver.prepare<[], string>('select agent_id from agents').pluck().all();
  const { signal } = new AbortController();
  const said = await sweep.run({ nowMs: NOW_MS, dryRun: true, signal });
  expect(ids()).toHaveLength(9);
  const done = await sweep.run({ nowMs: NOW_MS, dryRun: false, signal });
  expect(done).toEqual(said);
  expect([...done.kept].map(([reason, { count }]) => [reason, count])).toEqual(
    expect.arrayContaining([
      ['pinned', 1],
      ['running', 1],
    ]),
  );
  expect(ids().toSorted()).toEqual(['alive', 'guest', 'late', 'of-paused', 'pinned', 'with-folder']);
});
