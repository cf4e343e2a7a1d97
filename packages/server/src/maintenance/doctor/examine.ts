import { existsSync } from 'node:fs';
import { findProgram, runCommand } from '../../process/index.ts';
import type { Config, Environment } from '../../runtime/config.ts';
import { dataDirAt } from '../../storage/data-dir.ts';
import { isGone } from '../../storage/open-store.ts';
import { examineStore, holderOf } from '../../storage/store-examination.ts';
import { canLookInto, lookAtAccess, lookAtDisk, lookAtLeftovers, lookAtPermissions } from './files.ts';
import { fault, ok, unknown, warning, type DoctorFinding } from './finding.ts';
import { lookAtLaunchers } from './launchers.ts';
import { lookAtPort } from './port.ts';
import { lookAtOrphans, lookAtStore } from './store.ts';

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
    yield await lookAtPort(config, places, null);
    return;
  }
  if (!(await canLookInto(places.root))) {
    yield* await lookAtPermissions(places, examination.userId);
    yield await lookAtAccess(places);
    yield await lookAtPort(config, places, null);
    yield unknown('store', 'it cannot be looked at');
    return;
  }
  const holder = holderOf(places);
  yield ok(
    'data directory',
    `${places.root}, ${holder.held ? `in use by process ${holder.pid ?? 'unknown'}` : 'not in use'}`,
  );
  yield* await lookAtPermissions(places, examination.userId);
  yield await lookAtAccess(places);
  yield await lookAtDisk(places);
  yield await lookAtPort(config, places, holder.held ? holder.pid : null);
  yield await lookAtLeftovers(places, holder.held ? (holder.pid ?? 0) : null, nowMs);
  const store = examineStore(places);
  yield* lookAtStore(store, { isGone: isGone(places), nowMs });
  yield await lookAtOrphans(store);
}

function lookAtNode({ nodeVersion }: Examination): DoctorFinding {
  const major = Number(/^v?(\d+)/.exec(nodeVersion)?.[1] ?? 0);
  return major >= MIN_NODE
    ? ok('node', nodeVersion)
    : fault('node', `${nodeVersion} is too old`, `Install Node ${MIN_NODE} or newer.`);
}

async function* lookAtPrograms({
  config,
  environment,
  signal,
}: Examination): AsyncGenerator<DoctorFinding, void, void> {
  const path = environment['PATH'] ?? DEFAULT_PATH;
  const wanted = [
    ['git', 'fault', 'Install git: contexts are made from repositories.'],
    ['bash', 'fault', 'Install bash: agents are started by launch scripts.'],
    ['curl', 'warning', 'Install curl: agents written in bash speak to the sidecar with it.'],
    ...(process.platform === 'linux'
      ? [['prlimit', 'warning', 'Install util-linux: a crash may leave a core dump with tokens in it.'] as const]
      : []),
  ] as const;
  for (const [name, grade, advice] of wanted) {
    const search = await findProgram(name, path);
    if (search.kind !== 'found') {
      const seen = search.kind === 'missing' ? 'not found in PATH' : `${search.path} is not executable`;
      yield grade === 'fault' ? fault(name, seen, advice) : warning(name, seen, advice);
    } else if (name === 'git') yield await lookAtGit(search.path, signal);
    else yield ok(name, search.path);
  }
  yield* lookAtLaunchers(config, path);
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
