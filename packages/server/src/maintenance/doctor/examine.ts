import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { findProgram, listProcesses, runCommand } from '../../process/index.ts';
import type { Config, Environment } from '../../runtime/config.ts';
import { dataDirAt } from '../../storage/data-dir.ts';
import { isGone } from '../../storage/open-store.ts';
import { examineStore, holderOf, type StoreExamination } from '../../storage/store-examination.ts';
import { lookAtDisk, lookAtLeftovers, lookAtPermissions } from './files.ts';
import { fault, ok, unknown, warning, type DoctorFinding } from './finding.ts';

/** What the doctor looks at. */
export interface Examination {
  readonly config: Config;
  readonly environment: Environment;
  /** User that asks; undefined where the system has none. */
  readonly userId: number | undefined;
  readonly nodeVersion: string;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

/** Oldest git whose output is understood. */
const MIN_GIT = [2, 25] as const;
const MIN_NODE = 22;
/** How far the clocks of machine and store may be apart. */
const MAX_SKEW_MS = 5 * 60_000;
/** A clock before this was never set. */
const CLOCK_SET_MS = Date.parse('2025-01-01T00:00:00Z');
const COMMAND_MS = 10_000;
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

/** Looks at everything a sidecar depends on, one after the other, and changes nothing. */
export async function* examine(examination: Examination): AsyncGenerator<DoctorFinding, void, void> {
  const { config, nowMs } = examination;
  const places = dataDirAt(config.dataDir);
  yield lookAtNode(examination);
  yield* lookAtPrograms(examination);
  yield lookAtClock(nowMs);
  if (!existsSync(places.root)) {
    yield ok('data directory', `${places.root} is not there yet; the first start makes it`);
    yield await lookAtPort(config, null);
    return;
  }
  const holder = holderOf(places);
  yield ok(
    'data directory',
    `${places.root}, ${holder.held ? `in use by process ${holder.pid ?? 'unknown'}` : 'not in use'}`,
  );
  yield* await lookAtPermissions(places, examination.userId);
  yield await lookAtDisk(places);
  yield await lookAtPort(config, holder.held ? holder.pid : null);
  yield await lookAtLeftovers(places, holder.held ? (holder.pid ?? 0) : null, nowMs);
  const store = examineStore(places);
  if (isGone(places)) {
    const advice = 'Restore a backup: `sidecar backup list`, then `sidecar restore <backup>`.';
    yield fault('store', 'gone or empty, although the directory was used before', advice);
  } else yield* lookAtStore(store, nowMs);
  yield await lookAtOrphans(store);
}

function lookAtNode({ nodeVersion }: Examination): DoctorFinding {
  const major = Number(/^v?(\d+)/.exec(nodeVersion)?.[1] ?? 0);
  return major >= MIN_NODE
    ? ok('node', nodeVersion)
    : fault('node', `${nodeVersion} is too old`, `Install Node ${MIN_NODE} or newer.`);
}

async function* lookAtPrograms({ environment, signal }: Examination): AsyncGenerator<DoctorFinding, void, void> {
  const path = environment['PATH'] ?? DEFAULT_PATH;
  const wanted = [
    ['git', 'fault', 'Install git: contexts are made from repositories.'],
    ['bash', 'fault', 'Install bash: agents are started by launch scripts.'],
    ['curl', 'warning', 'Install curl: agents written in bash speak to the sidecar with it.'],
    ...(process.platform === 'linux'
      ? [['prlimit', 'warning', 'Install util-linux: a crash may leave a core dump with tokens in it.'] as const]
      : []),
    ['claude', 'warning', 'Install Claude Code, or choose another launcher in the profiles that are used.'],
  ] as const;
  for (const [name, grade, advice] of wanted) {
    const search = await findProgram(name, path);
    if (search.kind !== 'found') {
      const seen = search.kind === 'missing' ? 'not found in PATH' : `${search.path} is not executable`;
      yield grade === 'fault' ? fault(name, seen, advice) : warning(name, seen, advice);
    } else if (name === 'git') yield await lookAtGit(search.path, signal);
    else yield ok(name, search.path);
  }
}

async function lookAtGit(path: string, signal: AbortSignal): Promise<DoctorFinding> {
  const report = await runCommand({ command: [path, '--version'], cwd: '/', env: {}, timeoutMs: COMMAND_MS, signal });
  const [, major, minor] = /(\d+)\.(\d+)/.exec(report.outputTail) ?? [];
  if (report.exitCode !== 0 || major === undefined) return fault('git', `${path} does not run`, 'Install git anew.');
  const isOld = Number(major) < MIN_GIT[0] || (Number(major) === MIN_GIT[0] && Number(minor) < MIN_GIT[1]);
  const seen = `${path}, ${report.outputTail.trim()}`;
  return isOld ? warning('git', seen, `Install git ${MIN_GIT.join('.')} or newer.`) : ok('git', seen);
}

function lookAtClock(nowMs: number): DoctorFinding {
  const time = new Date(nowMs).toISOString();
  return nowMs > CLOCK_SET_MS ? ok('clock', time) : fault('clock', `it says ${time}`, 'Set the clock: tokens need it.');
}

async function lookAtPort({ host, port }: Config, holder: number | null): Promise<DoctorFinding> {
  const what = `port ${port}`;
  if (port === 0) return ok('port', 'any free one');
  const taken = await isTaken(host, port);
  if (taken === null) return unknown(what, `this machine cannot listen on ${host}`);
  if (!taken) return ok(what, holder === null ? 'free' : `free; the sidecar of process ${holder} has another`);
  const answer = await fetch(`http://${host}:${port}/health`, { signal: AbortSignal.timeout(3000) })
    .then((response) => response.json())
    .catch(() => undefined);
  const isSidecar = typeof answer === 'object' && answer !== null && 'service' in answer;
  if (!isSidecar) return fault(what, 'another program has it', 'Stop that program, or choose another --port.');
  return holder === null
    ? fault(what, 'the sidecar of another data directory has it', 'Choose another --port, or stop that one.')
    : ok(what, `the sidecar of process ${holder} answers`);
}

function isTaken(host: string, port: number): Promise<boolean | null> {
  const { promise, resolve } = Promise.withResolvers<boolean | null>();
  const server = createServer();
  server.once('error', (cause) => resolve('code' in cause && cause.code === 'EADDRINUSE' ? true : null));
  server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(false)));
  return promise;
}

function* lookAtStore(store: StoreExamination | undefined, nowMs: number): Generator<DoctorFinding, void, void> {
  if (!store) {
    yield ok('store', 'there is none yet; the first start makes it');
    return;
  }
  const { faults, schema, bytes, loss, newestEventMs } = store;
  if (faults.length > 0 || schema === null) {
    yield fault(
      'store',
      `damaged: ${faults[0] ?? 'it cannot be read'}`,
      'Restore a backup: `sidecar backup list`, then `sidecar restore <backup>`; what is there now is kept.',
    );
    return;
  }
  const size = `${(bytes / 1e6).toFixed(1)} MB`;
  yield loss === null
    ? ok('store', `whole, ${size}`)
    : warning(
        'store',
        `whole, ${size}, but ${loss}`,
        'Start it to go on from there, or restore a backup that is newer.',
      );
  if (schema.applied > schema.shipped) {
    yield fault(
      'schema',
      `${schema.applied}, this version knows ${schema.shipped}`,
      'Use the newer version that wrote it.',
    );
  } else if (schema.applied < schema.shipped) {
    yield ok('schema', `${schema.applied}; the next start brings it to ${schema.shipped} and keeps a copy`);
  } else yield ok('schema', `${schema.applied}, up to date`);
  if (newestEventMs !== null && newestEventMs > nowMs + MAX_SKEW_MS) {
    const ahead = new Date(newestEventMs).toISOString();
    yield warning(
      'clock and store',
      `the newest event is of ${ahead}, in the future`,
      'Check whether the clock is right.',
    );
  }
}

async function lookAtOrphans(store: StoreExamination | undefined): Promise<DoctorFinding> {
  const ended = new Set(store?.endedAgents);
  if (ended.size === 0) return ok('orphans', 'none');
  const orphans = (await listProcesses()).flatMap((row) => {
    const marker = row.marker();
    return marker !== undefined && ended.has(marker) ? [`${row.pid} (${marker})`] : [];
  });
  return orphans.length === 0
    ? ok('orphans', 'none')
    : warning('orphans', `processes of ended agents: ${orphans.join(', ')}`, 'Kill them when they are not wanted.');
}
