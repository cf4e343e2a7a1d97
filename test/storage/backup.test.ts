import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, expect, test } from 'vitest';
import { runCommand, type Ended } from '../cli/cli-process.ts';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

const made: string[] = [];
const directory = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'sidecar-storage-'));
  made.push(path);
  return path;
};
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

const cli = (dataDir: string, ...args: string[]): Promise<Ended> =>
  runCommand([...args, ...(args.includes('verify') && args[0] === 'backup' ? [] : ['--data-dir', dataDir])], {});

async function work(sidecar: SidecarUnderTest, count: number): Promise<void> {
  await sidecar.createIssue('issue-1');
  const rust = await sidecar.mint('rust-pro');
  for (let n = 0; n < count; n += 1) {
    const { status } = await sidecar.call('POST', '/api/results', {
      token: rust.token,
      body: { issue_id: 'issue-1', result: { status: 'success', summary: `result ${n}` } },
    });
    expect(status).toBe(201);
  }
}

const summaries = async (sidecar: SidecarUnderTest): Promise<string[]> =>
  (await sidecar.call('GET', '/api/results')).body.results.map(
    ({ result }: { result: { summary: string } }) => result.summary,
  );

test('a backup made under load is one whole moment, and restoring it brings that moment back with cursors refused', async () => {
  await using sidecar = await startForTest();
  await work(sidecar, 3);
  const load = { going: true };
  const loading = (async () => {
    let published = 0;
    for (; load.going; published += 1) {
      await sidecar.call('POST', '/api/events/load', { body: { topic: 'implementation', data: { published } } });
    }
    return published;
  })();
  const { status, body: backup } = await sidecar.call('POST', '/api/backups', { body: {} });
  load.going = false;
  expect(await loading).toBeGreaterThan(0);
  expect(status).toBe(201);
  expect(backup).toMatchObject({ secrets: false, counts: { results: 3, issues: 1 } });
  expect(readdirSync(backup.path).toSorted()).toEqual(['manifest.json', 'sidecar.db']);
  // Wherever it is taken from there: others may not read it.
  for (const name of readdirSync(backup.path)) expect(statSync(join(backup.path, name)).mode & 0o077).toBe(0);
  expect(await cli(sidecar.dataDir, 'backup', 'verify', backup.path)).toMatchObject({ code: 0 });

  const { body: before } = await sidecar.call('GET', '/api/events?limit=1');
  await work(sidecar, 2);
  const busy = await cli(sidecar.dataDir, 'restore', backup.path);
  expect(busy.code).toBe(5);

  await sidecar.stop();
  const restored = await cli(sidecar.dataDir, 'restore', backup.path);
  expect(restored).toMatchObject({ code: 0 });
  expect(restored.stdout).toContain('3 results');
  await sidecar.start();
  expect(await summaries(sidecar)).toEqual(['result 2', 'result 1', 'result 0']);
  const mirrored = join(
    sidecar.dataDir,
    'results',
    (await sidecar.call('GET', '/api/projects')).body.projects[0].project_id,
  );
  expect(JSON.parse(readFileSync(join(mirrored, 'issue-1', 'rust-pro.json'), 'utf8')).result.summary).toBe('result 2');
  const again = await sidecar.call('GET', `/api/events?after=${before.next_cursor}`);
  expect(again.body.code).toBe('CURSOR_EXPIRED');
  expect((await sidecar.call('GET', '/api/mirrors')).body).toEqual({ different: 0, faults: [] });
  // What the store was that is gone is told once, and is no fault.
  const { body: verdict } = await sidecar.call('GET', '/api/audit/verify');
  expect(verdict).toMatchObject({
    ok: true,
    faults: [],
    restorations: [{ detail: expect.stringContaining('replaced-') }],
  });
  expect(verdict.restorations[0].missing).toBeGreaterThan(0);
  expect((await cli(sidecar.dataDir, 'audit', 'verify')).stdout).toContain('restored');
});

test('a backup without a sidecar has the secrets only when asked, and an empty directory takes them over', async () => {
  const into = directory();
  await using sidecar = await startForTest();
  await work(sidecar, 1);
  await sidecar.stop();
  const created = await cli(sidecar.dataDir, 'backup', 'create', '--to', into, '--secrets');
  expect(created).toMatchObject({ code: 0 });
  const path = created.stdout.trim();
  const other = join(directory(), 'new');
  expect(await cli(other, 'restore', path)).toMatchObject({ code: 0 });
  expect(readFileSync(join(other, 'operator.token'))).toEqual(readFileSync(join(sidecar.dataDir, 'operator.token')));
  expect((await cli(sidecar.dataDir, 'backup', 'list', '--in', into)).stdout).toContain('yes');
});

test('the audit log of a restored backup with secrets can still be verified', async () => {
  const into = directory();
  await using sidecar = await startForTest();
  await work(sidecar, 1);
  const created = await cli(sidecar.dataDir, 'backup', 'create', '--to', into, '--secrets');
  expect(created).toMatchObject({ code: 0 });
  await sidecar.stop();
  rmSync(sidecar.dataDir, { recursive: true });
  expect(await cli(sidecar.dataDir, 'restore', created.stdout.trim())).toMatchObject({ code: 0 });
  await sidecar.start();
  const { body } = await sidecar.call('GET', '/api/audit/verify');
  expect(body).toMatchObject({ ok: true, faults: [] });
});

test('the audit key was deleted by a restore of secrets from a backup made before backups held it', async () => {
  const into = directory();
  await using sidecar = await startForTest();
  await work(sidecar, 1);
  await sidecar.stop();
  const created = await cli(sidecar.dataDir, 'backup', 'create', '--to', into, '--secrets');
  const backup = created.stdout.trim();
  const manifest = JSON.parse(readFileSync(join(backup, 'manifest.json'), 'utf8'));
  const isAudit = ({ path }: { path: string }): boolean => path.startsWith('keys/audit.');
  expect(manifest.files).toContainEqual(expect.objectContaining({ path: 'keys/audit.key' }));
  for (const file of manifest.files) if (isAudit(file)) rmSync(join(backup, file.path));
  manifest.files = manifest.files.filter((file: { path: string }) => !isAudit(file));
  writeFileSync(join(backup, 'manifest.json'), JSON.stringify(manifest));

  const restored = await cli(sidecar.dataDir, 'restore', backup, '--secrets');
  expect(restored).toMatchObject({ code: 0 });
  expect(existsSync(join(sidecar.dataDir, 'keys/audit.key'))).toBe(true);
  await sidecar.start();
  const { body } = await sidecar.call('GET', '/api/audit/verify');
  expect(body).toMatchObject({ ok: true, faults: [] });
});

test('a damaged backup is refused and the store stays as it is', async () => {
  await using sidecar = await startForTest();
  await work(sidecar, 1);
  const { body: backup } = await sidecar.call('POST', '/api/backups', { body: {} });
  const store = join(backup.path, 'sidecar.db');
  const bytes = readFileSync(store);
  bytes.fill(0xff, 4096, 8192);
  writeFileSync(store, bytes);
  await sidecar.stop();
  const refused = await cli(sidecar.dataDir, 'restore', backup.path);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('is not what it was');
  await sidecar.start();
  expect(await summaries(sidecar)).toEqual(['result 0']);
});

test('a store with a corrupt page is refused at the start in words, and the doctor finds it', async () => {
  await using sidecar = await startForTest();
  await work(sidecar, 1);
  await sidecar.stop();
  const store = join(sidecar.dataDir, 'sidecar.db');
  const bytes = readFileSync(store);
  bytes.fill(0xff, 0, 4096);
  writeFileSync(store, bytes);
  await expect(sidecar.start()).rejects.toThrow(/is damaged.+`sidecar restore/);
  const doctor = await cli(sidecar.dataDir, 'doctor', '--json', '--port', '0');
  expect(doctor.code).toBe(1);
  expect(JSON.parse(doctor.stdout).findings).toContainEqual(
    expect.objectContaining({ what: 'store', state: 'fault', seen: expect.stringContaining('damaged') }),
  );
});

test('a truncated write-ahead log loses nothing that it still holds whole', async () => {
  await using sidecar = await startForTest();
  await work(sidecar, 3);
  const copy = directory();
  // As a machine that lost power leaves it: the log is there, and its end is not.
  for (const suffix of ['', '-wal'])
    cpSync(join(sidecar.dataDir, `sidecar.db${suffix}`), join(copy, `sidecar.db${suffix}`));
  const log = readFileSync(join(copy, 'sidecar.db-wal'));
  writeFileSync(join(copy, 'sidecar.db-wal'), log.subarray(0, log.length - 100));
  const database = new Sqlite(join(copy, 'sidecar.db'));
  expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
  expect(database.prepare('select count(*) from results').pluck().get()).toBeGreaterThanOrEqual(2);
  database.close();
});

test('the doctor changes nothing, names who may read too much, and its exit code is true', async () => {
  await using sidecar = await startForTest();
  await sidecar.stop();
  const names = (): string[] => readdirSync(sidecar.dataDir, { recursive: true, encoding: 'utf8' }).toSorted();
  const before = names();
  const well = await cli(sidecar.dataDir, 'doctor', '--port', '0');
  expect(well).toMatchObject({ code: 0 });
  expect(names()).toEqual(before);
  chmodSync(join(sidecar.dataDir, 'operator.token'), 0o644);
  const ill = await cli(sidecar.dataDir, 'doctor', '--port', '0');
  expect(ill.code).toBe(1);
  expect(ill.stdout).toContain('operator.token (644)');
});

test('a restore of nothing left a directory behind, and files that are not there were blamed on the disk', async () => {
  const nowhere = join(directory(), 'new');
  const missing = join(directory(), 'none', 'out.jsonl');
  const restored = await cli(nowhere, 'restore', missing);
  expect(restored).toMatchObject({ code: 1, stderr: expect.stringContaining('is no backup') });
  const imported = await cli(nowhere, 'import', missing);
  expect(imported).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no such file') });
  const folder = await cli(nowhere, 'import', directory());
  expect(folder).toMatchObject({ code: 2, stderr: expect.stringContaining('it is a directory') });
  const empty = await cli(nowhere, 'export', `${nowhere}.jsonl`);
  expect(empty).toMatchObject({ code: 1, stderr: expect.stringContaining('no store in') });
  expect(existsSync(nowhere)).toBe(false);
  expect(existsSync(`${nowhere}.jsonl`)).toBe(false);

  await using sidecar = await startForTest();
  const unplaced = await cli(sidecar.dataDir, 'export', missing);
  expect(unplaced).toMatchObject({ code: 2, stderr: expect.stringContaining('its directory does not exist') });
  for (const { stderr } of [imported, folder, unplaced]) expect(stderr).not.toContain('doctor');
});

test('what is exported can be imported elsewhere, once, and a cut-off export changes nothing', async () => {
  await using sidecar = await startForTest();
  await work(sidecar, 2);
  const file = join(directory(), 'out.jsonl');
  expect(await cli(sidecar.dataDir, 'export', file)).toMatchObject({ code: 0 });
  const other = join(directory(), 'new');
  const cut = `${file}.cut`;
  writeFileSync(cut, readFileSync(file, 'utf8').split('\n').slice(0, -2).join('\n'));
  const refused = await cli(other, 'import', cut);
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.stderr).toContain('cut off');

  const first = await cli(other, 'import', file, '--json');
  expect(first.code).toBe(0);
  expect(JSON.parse(first.stdout)).toMatchObject({
    taken: { projects: 1, issues: 1, results: 2 },
    known: { results: 0 },
  });
  const second = await cli(other, 'import', file, '--json');
  expect(JSON.parse(second.stdout)).toMatchObject({ taken: { results: 0, events: 0 }, known: { results: 2 } });
  expect(existsSync(join(other, 'results'))).toBe(true);

  const again = `${file}.again`;
  expect(await cli(other, 'export', again)).toMatchObject({ code: 0 });
  const records = (path: string): unknown[] =>
    readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ kind }) => kind !== 'export' && kind !== 'end')
      .map((record) => (record.kind === 'event' ? { ...record.event, cursor: null } : record));
  expect(records(again)).toEqual(records(file));
});
