import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IssueStore } from '../issues/index.ts';
import { Holds, PinStore } from '../storage/clean-up/index.ts';
import { openTemporaryStore } from '../storage/temporary-store.ts';
import { IssueSweep } from './issue-sweep.ts';
import { RunStore } from './run-store.ts';

const NOW_MS = 10_000;
const RETENTION_MS = 1000;

test('issues go with their runs when they ended long ago and nothing of them is left; a dry run says which', async () => {
  const issue = fc.record({
    status: fc.constantFrom('open', 'running', 'paused', 'resolved', 'failed', 'cancelled'),
    updatedAtMs: fc.integer({ min: 8000, max: NOW_MS }),
    left: fc.constantFrom('nothing', 'nothing', 'result', 'agent'),
    run: fc.constantFrom('none', 'settled', 'settled', 'unsettled'),
    pinned: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(issue, { maxLength: 60 }), async (issues) => {
      using temporary = openTemporaryStore();
      const { database, writer } = temporary;
      const { driver } = database;
      const store = new IssueStore(database);
      const kept: string[] = [];
      const runsKept: string[] = [];
      await writer.write((transaction) => {
        for (const [number, { status, updatedAtMs, left, run, pinned }] of issues.entries()) {
          const issueId = `issue-${number}`;
          const where = { projectId: 'shop', issueId };
          store.insert(transaction, { ...where, title: '', body: 'b', status, createdAtMs: 0, updatedAtMs });
          if (pinned) new PinStore(database).insert(transaction, { projectId: 'shop', kind: 'issue', id: issueId }, 0);
          if (left === 'result')
            driver
              .prepare(`insert into results values (?, 'shop', ?, 'a', 'rust-pro', 'success', '{}', 0, 0)`)
              .run(issueId, issueId);
          if (left === 'agent')
            driver
              .prepare(`insert into agents values (?, 'shop', ?, 'rust-pro', 'exited', 0, '{}')`)
              .run(issueId, issueId);
          if (run !== 'none')
            driver
              .prepare(`insert into workflow_runs values ('shop', ?, ?, 0, '{}')`)
              .run(issueId, run === 'settled' ? 1 : 0);
          const ended = status === 'resolved' || status === 'failed' || status === 'cancelled';
          const goes =
            ended && updatedAtMs < NOW_MS - RETENTION_MS && left === 'nothing' && run !== 'unsettled' && !pinned;
          if (goes) continue;
          kept.push(issueId);
          if (run !== 'none') runsKept.push(issueId);
        }
      });
      const holds = new Holds(database);
      const sweep = new IssueSweep({
        issues: store,
        runs: new RunStore(database),
        holds,
        writer,
        retentionMs: RETENTION_MS,
      });
      const idsIn = (table: string): string[] =>
        driver.prepare<[], string>(`select issue_id from ${table}`).pluck().all();
      const { signal } = new AbortController();
      const said = await sweep.run({ nowMs: NOW_MS, dryRun: true, signal });
      expect(idsIn('issues')).toHaveLength(issues.length);
      const done = await sweep.run({ nowMs: NOW_MS, dryRun: false, signal });
      expect(done).toEqual(said);
      expect(done.count).toBe(issues.length - kept.length);
      expect(idsIn('issues').toSorted()).toEqual(kept.toSorted());
      expect(idsIn('workflow_runs').toSorted()).toEqual(runsKept.toSorted());
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 20) },
  );
});
