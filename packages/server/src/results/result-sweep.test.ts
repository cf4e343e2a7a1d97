import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FakeClock } from '../runtime/fake-clock.ts';
import { Holds, PinStore } from '../storage/clean-up/index.ts';
import { openTemporaryStore, type TemporaryStore } from '../storage/temporary-store.ts';
import { Writer } from '../storage/writer.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { ResultMirror } from './result-mirror.ts';
import { ResultStore } from './result-store.ts';
import { ResultSweep } from './result-sweep.ts';

const signal = new AbortController().signal;
const RETENTION_MS = 1000;
const NOW_MS = 10_000;

function world(temporary: TemporaryStore, writer = temporary.writer) {
  const root = join(temporary.directory, 'results');
  mkdirSync(root);
  const { database } = temporary;
  const store = new ResultStore(database);
  const mirror = new ResultMirror(root, { store, clock: new FakeClock(), logger: silentLogger });
  const sweep = new ResultSweep({
    store,
    mirror,
    holds: new Holds(database),
    writer,
    retentionMs: RETENTION_MS,
  });
  const pins = new PinStore(database);
  return {
    store,
    mirror,
    sweep,
    put: async (id: string, issueId: string, storedAtMs: number, summary = id): Promise<void> => {
      await temporary.writer.write((transaction) =>
        store.insert(transaction, {
          resultId: id,
          projectId: 'shop',
          issueId,
          agentId: 'a',
          agentType: 'rust-pro',
          status: 'success',
          body: JSON.stringify({ status: 'success', summary }),
          timestampMs: storedAtMs,
          storedAtMs,
        }),
      );
      const stored = store.find('shop', id);
      if (stored) await mirror.add(stored);
    },
    issue(issueId: string, status: string): void {
      database.driver
        .prepare(
          `insert into issues (project_id, issue_id, title, body, status, created_at_ms, updated_at_ms)
           values ('shop', ?, '', '', ?, 0, 0)`,
        )
        .run(issueId, status);
    },
    pin: (kind: 'issue' | 'result', id: string) =>
      temporary.writer.write((transaction) => pins.insert(transaction, { projectId: 'shop', kind, id }, 0)),
    ids: (): string[] => database.driver.prepare<[], string>('select result_id from results order by 1').pluck().all(),
  };
}

test('what a dry run says is what a sweep does: old results go, held ones stay, and the mirror shows it', async () => {
  const issue = fc.record({
    status: fc.constantFrom('open', 'running', 'paused', 'resolved', 'failed', 'cancelled'),
    pinned: fc.boolean(),
    results: fc.array(fc.record({ storedAtMs: fc.integer({ min: 8000, max: NOW_MS }), pinned: fc.boolean() }), {
      maxLength: 4,
    }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(issue, { maxLength: 4 }), async (issues) => {
      using temporary = openTemporaryStore();
      const { sweep, mirror, put, pin, ids, ...given } = world(temporary);
      const expected: string[] = [];
      for (const [number, { status, pinned, results }] of issues.entries()) {
        const issueId = `issue-${number}`;
        given.issue(issueId, status);
        if (pinned) await pin('issue', issueId);
        for (const [place, result] of results.entries()) {
          const id = `r-${number}-${place}`;
          await put(id, issueId, result.storedAtMs);
          if (result.pinned) await pin('result', id);
          const held = pinned || result.pinned || status === 'running' || status === 'paused';
          if (held || result.storedAtMs >= NOW_MS - RETENTION_MS) expected.push(id);
        }
      }
      const before = ids();
      const said = await sweep.run({ nowMs: NOW_MS, dryRun: true, signal });
      expect(ids()).toEqual(before);
      const done = await sweep.run({ nowMs: NOW_MS, dryRun: false, signal });
      expect(done).toEqual(said);
      expect(done.count).toBe(before.length - expected.length);
      expect(ids()).toEqual(expected.toSorted());
      expect(await mirror.compare(false, signal)).toEqual([]);
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 20) },
  );
});

test('a sweep works in transactions that are bounded by rows and by bytes', async () => {
  using temporary = openTemporaryStore();
  const { put } = world(temporary);
  for (let n = 0; n < 120; n += 1) await put(`small-${n}`, 'issue-1', n);
  for (let n = 0; n < 4; n += 1) await put(`large-${n}`, 'issue-1', 500 + n, 'x'.repeat(600_000));
  const removed: number[] = [];
  const count = temporary.database.driver.prepare<[], number>('select count(*) from results').pluck();
  let left = count.get() ?? 0;
  const writer = new Writer(temporary.database, () => {
    const now = count.get() ?? 0;
    removed.push(left - now);
    left = now;
  });
  const store = new ResultStore(temporary.database);
  const mirror = new ResultMirror(join(temporary.directory, 'results'), {
    store,
    clock: new FakeClock(),
    logger: silentLogger,
  });
  const { database } = temporary;
  const sweep = new ResultSweep({ store, mirror, holds: new Holds(database), writer, retentionMs: 0 });
  await sweep.run({ nowMs: NOW_MS, dryRun: false, signal });
  expect(left).toBe(0);
  expect(Math.max(...removed)).toBeLessThanOrEqual(100);
  // Each of the large ones is more than half of a megabyte: one at a time, but for the first beside the last of the small ones.
  expect(removed.slice(-3)).toEqual([1, 1, 1]);
});
