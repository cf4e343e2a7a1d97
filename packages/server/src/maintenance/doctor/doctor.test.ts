import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, expect, test } from 'vitest';
import { loadConfig } from '../../runtime/config.ts';
import { openDataDir } from '../../storage/data-dir.ts';
import { lockDirectory } from '../../storage/directory-lock.ts';
import { openStore } from '../../storage/open-store.ts';
import { examine, type DoctorFinding, type Examination } from './index.ts';

const place = mkdtempSync(join(tmpdir(), 'sidecar-doctor-'));
const closing: (() => void)[] = [];
afterAll(() => {
  for (const close of closing) close();
  rmSync(place, { recursive: true, force: true });
});

const NOW_MS = Date.parse('2026-11-28T12:00:00Z');
const AGENT = 'python-specialist-of-the-doctor';
/** A data directory as a sidecar that was stopped leaves it, with an event of now and an agent that has ended. */
const whole = openDataDir(join(place, 'whole'));
{
  const store = openStore(whole, { newEpoch: 'testepoch', nowMs: NOW_MS });
  store.driver.exec(
    `insert into events (project_id, sequence, event_id, event_type, topic, accepted_at_ms, expires_at_ms, body)
     values ('shop', 1, 'evt-1', 'tick', 'implementation', ${NOW_MS}, ${NOW_MS + 1000}, '{}')`,
  );
  const columns = store.driver.prepare<[], { name: string; notnull: 0 | 1 }>('pragma table_info(agents)').all();
  const wanted = columns.filter(({ name, notnull }) => notnull === 1 || name === 'agent_id' || name === 'state');
  const values = wanted.map(({ name }) => (name === 'agent_id' ? AGENT : name === 'state' ? 'exited' : 0));
  const names = wanted.map(({ name }) => name).join(', ');
  store.driver.prepare(`insert into agents (${names}) values (${wanted.map(() => '?').join(', ')})`).run(...values);
  store.close();
  for (const file of [whole.operatorToken, whole.auditAnchor, join(whole.root, '.lock')])
    writeFileSync(file, '', { mode: 0o600 });
}

let copies = 0;
/** A copy of it, to be made ill. */
function copy() {
  copies += 1;
  const root = join(place, `copy-${copies}`);
  cpSync(whole.root, root, { recursive: true });
  return openDataDir(root);
}

/** A program that says so much and ends so. */
function program(directory: string, name: string, script: string, mode = 0o755): void {
  mkdirSync(join(place, directory), { recursive: true });
  const file = join(place, directory, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, mode);
}
for (const name of ['bash', 'curl', 'prlimit', 'claude']) program('bin', name, '');
program('bin', 'git', 'echo git version 2.39.5');

type Circumstances = Partial<Omit<Examination, 'config'>> & {
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Where programs are looked for. */
  readonly path?: string;
};

/** All that the doctor says, on a machine that is well but for the circumstances. */
async function examined(dataDir: string, circumstances: Circumstances = {}): Promise<DoctorFinding[]> {
  const { settings = {}, path = join(place, 'bin'), ...rest } = circumstances;
  const { config } = await loadConfig({ dataDir, port: 0, ...settings }, { HOME: place }, place);
  const examination: Examination = {
    config,
    environment: { PATH: path },
    userId: process.getuid?.(),
    nodeVersion: process.version,
    nowMs: NOW_MS,
    signal: new AbortController().signal,
    ...rest,
  };
  const found: DoctorFinding[] = [];
  for await (const finding of examine(examination)) found.push(finding);
  return found;
}

/** What it says of one thing. */
async function findings(about: string, dataDir: string, circumstances?: Circumstances): Promise<DoctorFinding[]> {
  return (await examined(dataDir, circumstances)).filter(({ what }) => what === about);
}

test('of a directory that is well everything is well, and nothing is changed by looking', async () => {
  const before = contentOf(whole.root);
  const all = await examined(whole.root);
  expect(all.filter(({ what, state }) => state !== 'ok' && what !== 'disk')).toEqual([]);
  expect(contentOf(whole.root)).toEqual(before);
});

test('node and git too old, missing, or not running', async () => {
  expect(await findings('node', whole.root, { nodeVersion: 'v20.1.0' })).toMatchObject([{ state: 'fault' }]);
  program('old', 'git', 'echo git version 2.17.1');
  program('broken', 'git', 'exit 1');
  program('denied', 'git', '', 0o644);
  const git = (path: string) => findings('git', whole.root, { path: join(place, path) });
  expect(await git('old')).toMatchObject([{ state: 'warning', advice: expect.stringContaining('2.25') }]);
  expect(await git('broken')).toMatchObject([{ state: 'fault', seen: expect.stringContaining('does not run') }]);
  expect(await git('denied')).toMatchObject([{ state: 'fault', seen: expect.stringContaining('not executable') }]);
  expect(await git('none')).toMatchObject([{ state: 'fault', seen: 'not found in PATH' }]);
});

test('programs that agents are started with: Claude Code, what replaces it, and what profiles of one’s own name', async () => {
  const missing = { path: join(place, 'old') };
  expect(await findings('launcher claude', whole.root, missing)).toMatchObject([
    { state: 'warning', seen: 'not there, so 119 agent types cannot be started' },
  ]);
  const replaced = { ...missing, settings: { agentProgram: join(place, 'old', 'git') } };
  expect(await findings('launcher claude', whole.root, replaced)).toEqual([]);
  expect(await findings(`launcher ${join(place, 'old', 'git')}`, whole.root, replaced)).toMatchObject([
    { state: 'ok' },
  ]);

  const profilesDir = join(place, 'profiles');
  mkdirSync(profilesDir);
  const launcher = { kind: 'command', program: './my-agent' };
  writeFileSync(join(profilesDir, 'debugger.json'), JSON.stringify({ launcher }));
  writeFileSync(join(profilesDir, 'rust-pro.json'), '{');
  const own = { settings: { profilesDir } };
  expect(await findings('launcher ./my-agent', whole.root, own)).toMatchObject([
    { state: 'warning', seen: 'not there, so debugger cannot be started', advice: expect.stringContaining('my-agent') },
  ]);
  expect(await findings('profiles', whole.root, own)).toMatchObject([
    { state: 'warning', seen: expect.stringContaining('rust-pro.json') },
  ]);
});

test('a clock that was never set, and one that is behind what is stored', async () => {
  expect(await findings('clock', whole.root, { nowMs: 0 })).toMatchObject([{ state: 'fault' }]);
  const behind = await findings('clock and store', whole.root, { nowMs: NOW_MS - 3_600_000 });
  expect(behind).toMatchObject([{ state: 'warning', seen: expect.stringContaining('in the future') }]);
});

test('ports: free, taken by another program, by a sidecar of another directory, and by that of this one', async () => {
  const places = copy();
  let answer = '{}';
  const server = createServer((_, response) => response.end(answer));
  closing.push(() => server.close());
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const look = () => findings(`port ${port}`, places.root, { settings: { port } });
  expect(await look()).toMatchObject([{ state: 'fault', seen: 'another program has it' }]);
  answer = '{"service":"orchestration-sidecar"}';
  expect(await look()).toMatchObject([{ state: 'fault', seen: expect.stringContaining('another data directory') }]);
  const lock = lockDirectory(places.root, process.pid);
  writeFileSync(places.description, JSON.stringify({ pid: process.pid, port }));
  expect(await look()).toMatchObject([{ state: 'ok', seen: expect.stringContaining(`process ${process.pid} has it`) }]);
  const inUse = await findings('data directory', places.root);
  expect(inUse).toMatchObject([{ state: 'ok', seen: expect.stringContaining(`in use by process ${process.pid}`) }]);
  lock.release();
});

test('permissions: what others may read, and whose directory it is', async () => {
  const places = copy();
  chmodSync(places.operatorToken, 0o644);
  expect(await findings('permissions', places.root)).toMatchObject([
    {
      state: 'fault',
      seen: `others may look at ${places.operatorToken} (644)`,
      advice: expect.stringContaining('chmod'),
    },
  ]);
  const { uid } = statSync(places.root);
  expect(await findings('owner', places.root, { userId: uid + 1 })).toMatchObject([{ state: 'fault' }]);
});

test('regression: a directory that cannot be written is not said to be well', async ({ skip }) => {
  const places = copy();
  // For root only a disk that is mounted read-only is closed, for others a mode is enough.
  const isRoot = process.getuid?.() === 0;
  const mounted = isRoot && spawnSync('mount', ['--bind', '-o', 'ro', places.root, places.root]).status === 0;
  if (mounted) closing.push(() => spawnSync('umount', [places.root]));
  else chmodSync(places.root, 0o500);
  if (isRoot && !mounted) skip('nothing can be mounted here');
  expect(await findings('access', places.root)).toMatchObject([
    { state: 'fault', seen: expect.stringContaining(places.root), advice: expect.stringContaining('chmod -R u+rwX') },
  ]);
  // It cannot be opened there, which says nothing of whether it is whole.
  expect(await findings('store', places.root)).toMatchObject([{ state: 'unknown' }]);
  expect(() => lockDirectory(places.root, 1)).toThrow(/cannot be written/);
  if (mounted) return;
  chmodSync(places.root, 0o000);
  expect(await findings('store', places.root)).toMatchObject([{ state: 'unknown' }]);
  chmodSync(places.root, 0o700);
});

test('a store that is damaged, gone, of a newer version, or behind what was acknowledged', async () => {
  const damaged = copy();
  writeFileSync(damaged.database, readFileSync(damaged.database).fill(0xa5, 4096, 40_000));
  expect(await findings('store', damaged.root)).toMatchObject([
    { state: 'fault', seen: expect.stringContaining('damaged'), advice: expect.stringContaining('sidecar restore') },
  ]);
  const gone = copy();
  rmSync(gone.database);
  expect(await findings('store', gone.root)).toMatchObject([{ state: 'fault', seen: expect.stringContaining('gone') }]);
  const newer = copy();
  const driver = new Sqlite(newer.database);
  driver.exec(`insert into __drizzle_migrations (hash, created_at) values ('later', 9999999999999)`);
  driver.close();
  expect(await findings('schema', newer.root)).toMatchObject([
    { state: 'fault', advice: expect.stringContaining('newer version') },
  ]);
  const behind = copy();
  writeFileSync(behind.eventLog, '{"project_id":"shop","cursor":"testepoch.7"}\n');
  expect(await findings('store', behind.root)).toMatchObject([
    { state: 'warning', seen: expect.stringContaining('events 2 to 7 of project shop') },
  ]);
});

test('leftovers: files that were not finished, a sidecar that was killed, a restore that was interrupted', async () => {
  const places = copy();
  writeFileSync(places.description, '{}');
  expect(await findings('leftovers', places.root)).toMatchObject([{ seen: 'the last sidecar was killed' }]);
  const unfinished = join(places.results, 'shop.json.1.tmp');
  writeFileSync(unfinished, '');
  utimesSync(unfinished, NOW_MS / 1000 - 120, NOW_MS / 1000 - 120);
  expect(await findings('leftovers', places.root)).toMatchObject([
    { state: 'warning', seen: 'unfinished files: results/shop.json.1.tmp' },
  ]);
  writeFileSync(places.restoring, '{}');
  expect(await findings('leftovers', places.root)).toMatchObject([
    { state: 'fault', advice: expect.stringContaining('sidecar restore') },
  ]);
});

test.skipIf(!existsSync('/proc/self/environ'))('processes that outlived their agents', async () => {
  const left = spawn('sleep', ['60'], { env: { ...process.env, SIDECAR_PROCESS_MARKER: AGENT } });
  closing.push(() => left.kill('SIGKILL'));
  expect(await findings('orphans', whole.root)).toMatchObject([
    { state: 'warning', seen: expect.stringContaining(`${left.pid} (${AGENT})`) },
  ]);
});

test('a lock that is damaged is said to be, and held by nobody', async () => {
  const places = copy();
  writeFileSync(join(places.root, '.lock'), 'no lock at all, but long enough to be taken for a file of something else');
  expect(await findings('data directory', places.root)).toMatchObject([
    { seen: expect.stringContaining('not in use') },
  ]);
  expect(() => lockDirectory(places.root, 1)).toThrow(/lock .+ is damaged.+Remove it/);
});

/** Every file of a directory, with its content. */
function contentOf(root: string): string[][] {
  const files = readdirSync(root, { recursive: true, withFileTypes: true });
  return files.map((file) => {
    const path = join(file.parentPath, file.name);
    return [path, file.isFile() ? readFileSync(path, 'base64') : ''];
  });
}
