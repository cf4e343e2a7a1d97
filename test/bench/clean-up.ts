import { spawnSync } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Sqlite from 'better-sqlite3';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

/**
 * How long a clean-up keeps the event loop from turning: `npm run bench clean-up [--rows 100000] [--files 2000]`.
 * A store with that many results of 2 kB, events and audit records, all due, and that many agent folders and contexts, is
 * cleaned up by a sidecar in this process that does nothing else. Transactions are committed on the loop, so on a disk the
 * longest delay is the disk’s; with `TMPDIR=/dev/shm` it is what the clean-up itself takes.
 */
const { values } = parseArgs({
  options: { rows: { type: 'string', default: '100000' }, files: { type: 'string', default: '2000' } },
});
const rows = Number(values.rows);
const files = Number(values.files);
const LONG_AGO_MS = Date.now() - 400 * 86_400_000;

await using sidecar = await startForTest({ logLevel: 'warn', backupEveryHours: 0 });
await sidecar.stop();
fill(sidecar);
await sidecar.start();
// What the start has to do with so large a store is not the clean-up’s.
await sidecar.call('GET', '/api/mirrors');
// Nor is what the disk still has to write of it.
spawnSync('sync');

for (const dryRun of [true, false]) {
  for (const kind of ['context_cache', 'agent_folders', 'results', 'audit']) await measure(kind, dryRun);
}

async function measure(kind: string, dryRun: boolean): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const startedMs = performance.now();
  const { body } = await sidecar.call('POST', '/api/clean-up', { body: { dry_run: dryRun, kinds: [kind] } });
  const seconds = (performance.now() - startedMs) / 1000;
  delay.disable();
  const [{ count }] = body.kinds;
  const ms = (ns: number): string => (ns / 1e6).toFixed(1).padStart(6);
  console.log(
    `${kind.padEnd(14)} ${dryRun ? 'dry run' : 'removed'} ${String(count).padStart(7)} in ${seconds.toFixed(1).padStart(5)} s; ` +
      `loop delay p50 ${ms(delay.percentile(50))} ms, p99 ${ms(delay.percentile(99))} ms, max ${ms(delay.max)} ms`,
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
  const record = store.prepare('insert into audit (sequence, at_ms, body, hash) values (?, ?, ?, ?)');
  store.transaction(() => {
    // Ten results an issue: a place each for its mirror.
    for (let n = 0; n < rows; n += 1)
      result.run(`r-${n}`, projectId, `issue-${Math.floor(n / 10)}`, body, LONG_AGO_MS, LONG_AGO_MS + n);
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
