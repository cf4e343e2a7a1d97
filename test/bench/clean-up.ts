import { spawnSync } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import Sqlite from 'better-sqlite3';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

/**
 * How long a clean-up keeps the event loop from turning: `npm run bench clean-up [--rows 100000] [--files 2000]`.
 * A store with that many results, agents and issues of 2 kB and audit records, all due, and that many agent folders and
 * contexts, is cleaned up by a sidecar in this process that does nothing else. Before and after it nothing is done, which is
 * what the machine does to any loop, and one event after the other is published: what the disk does to whoever commits.
 * With `TMPDIR=/dev/shm` there is no disk.
 */
const { values } = parseArgs({
  options: { rows: { type: 'string', default: '100000' }, files: { type: 'string', default: '2000' } },
});
const rows = Number(values.rows);
const files = Number(values.files);
/** Delays that are told of: the aim is that a clean-up makes none as long. */
const LONG_MS = 10;
const PUBLISHED = 1000;
const IDLE_MS = 2000;
const LONG_AGO_MS = Date.now() - 400 * 86_400_000;

await using sidecar = await startForTest({ logLevel: 'warn', backupEveryHours: 0 });
await sidecar.stop();
fill(sidecar);
await sidecar.start();
// What the start has to do with so large a store is not the clean-up’s.
await sidecar.call('GET', '/api/mirrors');
// Nor is what the disk still has to write of it.
spawnSync('sync');

await beside();
for (const dry_run of [true, false]) {
  for (const kind of ['context_cache', 'issues', 'agents', 'agent_folders', 'results', 'audit']) {
    await measure(kind, dry_run ? 'dry run' : 'removed', async () => {
      const { body } = await sidecar.call('POST', '/api/clean-up', { body: { dry_run, kinds: [kind] } });
      return body.kinds[0].count;
    });
  }
}
await beside();

async function beside(): Promise<void> {
  await measure('nothing', 'waited', () => setTimeout(IDLE_MS, 0));
  await measure('publishing', 'sent', publish);
}

async function publish(): Promise<number> {
  const event = { body: { topic: 'talk', data: { note: 'x'.repeat(400) } } };
  for (let n = 0; n < PUBLISHED; n += 1) await sidecar.call('POST', '/api/events/said', event);
  return PUBLISHED;
}

async function measure(what: string, how: string, work: () => Promise<number>): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const startedMs = performance.now();
  const count = await work();
  const seconds = (performance.now() - startedMs) / 1000;
  delay.disable();
  const ms = (ns: number): string => (ns / 1e6).toFixed(1).padStart(6);
  const short = delay.percentiles.entries().find(([, ns]) => ns > LONG_MS * 1e6)?.[0] ?? 100;
  console.log(
    `${what.padEnd(14)} ${how.padEnd(7)} ${String(count).padStart(7)} in ${seconds.toFixed(1).padStart(5)} s; ` +
      `loop delay p50 ${ms(delay.percentile(50))} ms, p99 ${ms(delay.percentile(99))} ms, max ${ms(delay.max)} ms; ` +
      `above ${LONG_MS} ms ${((100 - short) / 100).toFixed(5)} of the turns`,
  );
}

function fill({ dataDir }: SidecarUnderTest): void {
  const store = new Sqlite(join(dataDir, 'sidecar.db'));
  const projectId: string = store.prepare<[], string>('select project_id from projects').pluck().get() ?? 'shop';
  const body = JSON.stringify({ status: 'success', summary: 'x'.repeat(2000) });
  const result = store.prepare(
    `insert into results (result_id, project_id, issue_id, agent_id, agent_type, status, body, timestamp_ms, stored_at_ms)
     values (?, ?, ?, 'a', 'rust-pro', 'success', ?, ?, ?)`,
  );
  const agent = store.prepare(`insert into agents values (?, ?, null, 'rust-pro', 'exited', ?, ?)`);
  const ended = JSON.stringify({ agent: { task: 'x'.repeat(2000), ended_at: new Date(LONG_AGO_MS).toISOString() } });
  const issue = store.prepare(
    `insert into issues (project_id, issue_id, title, body, status, created_at_ms, updated_at_ms) values (?, ?, '', ?, 'resolved', ?, ?)`,
  );
  const run = store.prepare(`insert into workflow_runs values (?, ?, 1, ?, ?)`);
  const record = store.prepare('insert into audit (sequence, at_ms, body, hash) values (?, ?, ?, ?)');
  store.transaction(() => {
    // Ten results an issue: a place each for its mirror.
    for (let n = 0; n < rows; n += 1)
      result.run(`r-${n}`, projectId, `issue-${Math.floor(n / 10)}`, body, LONG_AGO_MS, LONG_AGO_MS + n);
    for (let n = 0; n < rows; n += 1) {
      agent.run(`agent-${n}`, projectId, LONG_AGO_MS + n, ended);
      issue.run(projectId, `ended-${n}`, body, LONG_AGO_MS, LONG_AGO_MS + n);
      run.run(projectId, `ended-${n}`, LONG_AGO_MS, body);
    }
    const first = store.prepare<[], number>('select coalesce(max(sequence), 0) + 1 from audit').pluck().get() ?? 1;
    for (let n = first; n < first + rows; n += 1) record.run(n, LONG_AGO_MS, `{"detail":"${'x'.repeat(200)}"}`, '0');
  })();
  store.close();
  for (let n = 0; n < files; n += 1) {
    const folder = join(dataDir, 'agents', `rust-pro-${n}`, '1');
    const cached = join(dataDir, 'context-cache', projectId, `issue-${n}`);
    mkdirSync(folder, { recursive: true });
    mkdirSync(cached, { recursive: true });
    writeFileSync(join(folder, 'stdout.log'), body);
    writeFileSync(join(cached, 'a.json'), body);
    for (const path of [join(folder, 'stdout.log'), folder, join(folder, '..'), join(cached, 'a.json')])
      utimesSync(path, LONG_AGO_MS / 1000, LONG_AGO_MS / 1000);
  }
}
