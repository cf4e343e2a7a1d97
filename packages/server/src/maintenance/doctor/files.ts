import { constants, existsSync } from 'node:fs';
import { access, readdir, stat, statfs } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { DataDir } from '../../storage/data-dir.ts';
import { TEMPORARY } from '../../storage/atomic-file.ts';
import { fault, ok, warning, type DoctorFinding } from './finding.ts';

/** Below this a disk is said to be nearly full, and below that to be full. */
const FEW_BYTES = 1_000_000_000;
const NO_BYTES = 50_000_000;
/** Files that are looked through for leftovers at most. */
const MAX_FILES = 200_000;
/** What is being written now is younger than this. */
const FRESH_MS = 60_000;

/** Who owns the data directory, and who else may read what only its owner should. */
export async function lookAtPermissions(places: DataDir, userId: number | undefined): Promise<DoctorFinding[]> {
  const root = await stat(places.root);
  const findings: DoctorFinding[] = [];
  if (userId !== undefined && root.uid !== userId && userId !== 0) {
    findings.push(fault('owner', `${places.root} belongs to user ${root.uid}, you are ${userId}`, 'Run as its owner.'));
  }
  const secrets = [places.root, places.keys, places.operatorToken];
  for (const name of await readdir(places.keys).catch(() => [])) secrets.push(join(places.keys, name));
  const open: string[] = [];
  for (const path of secrets) {
    const mode = await stat(path).then(
      (it) => it.mode & 0o777,
      () => 0,
    );
    if ((mode & 0o077) !== 0) open.push(`${path} (${mode.toString(8)})`);
  }
  findings.push(
    open.length === 0
      ? ok('permissions', 'store, keys and operator token are for their owner alone')
      : fault('permissions', `others may look at ${open.join(', ')}`, `chmod -R go-rwx ${places.root}`),
  );
  return findings;
}

/** Whether a directory can be listed and entered. */
export function canLookInto(directory: string): Promise<boolean> {
  return access(directory, constants.R_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Whether whoever asks can read and write what a sidecar does, which takes a disk that is not mounted read-only too. */
export async function lookAtAccess(places: DataDir): Promise<DoctorFinding> {
  const { root, database, keys, logs, results, agents, contextCache, operatorToken } = places;
  const closed: string[] = [];
  for (const path of [root, database, keys, logs, results, agents, contextCache, operatorToken]) {
    await access(path, constants.R_OK | constants.W_OK).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ENOENT') closed.push(`${path} (${cause.code ?? cause.message})`);
    });
  }
  if (closed.length === 0) return ok('access', 'everything can be read and written');
  const seen = `cannot be read and written: ${closed.join(', ')}`;
  return fault(
    'access',
    seen,
    `Run as the owner, \`chmod -R u+rwX ${root}\`, or mount the disk so that it can be written.`,
  );
}

/** Room on the disk of the data directory. */
export async function lookAtDisk(places: DataDir): Promise<DoctorFinding> {
  const { bavail, bsize, blocks } = await statfs(places.root);
  const free = bavail * bsize;
  const seen = `${gigabytes(free)} of ${gigabytes(blocks * bsize)} are free`;
  const advice = 'Make room, or move the data directory; `sidecar clean-up --dry-run` says what could go.';
  if (free < NO_BYTES) return fault('disk', seen, advice);
  return free < FEW_BYTES ? warning('disk', seen, advice) : ok('disk', seen);
}

/** What killed processes left behind. */
export async function lookAtLeftovers(places: DataDir, holder: number | null, nowMs: number): Promise<DoctorFinding> {
  const left: string[] = [];
  if (existsSync(places.restoring)) {
    return fault('leftovers', 'a restore was interrupted', 'Run `sidecar restore` again: nothing starts before.');
  }
  let files = 0;
  for (const directory of [places.results, join(places.eventLog, '..'), places.contextCache, places.backups]) {
    for (const name of await readdir(directory, { recursive: true }).catch(() => [])) {
      files += 1;
      if (files > MAX_FILES) break;
      if (!name.endsWith(TEMPORARY) && !name.endsWith('.partial')) continue;
      const path = join(directory, name);
      const age = await stat(path).then(
        (it) => nowMs - it.mtimeMs,
        () => 0,
      );
      if (age > FRESH_MS) left.push(relative(places.root, path));
    }
  }
  if (left.length === 0) {
    return holder === null && existsSync(places.description)
      ? warning('leftovers', 'the last sidecar was killed', 'Harmless; its log may tell why, the next start goes on.')
      : ok('leftovers', 'none');
  }
  const shown = left.slice(0, 5).join(', ') + (left.length > 5 ? ` and ${left.length - 5} more` : '');
  return warning('leftovers', `unfinished files: ${shown}`, 'Harmless; the next start takes most of them away.');
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
