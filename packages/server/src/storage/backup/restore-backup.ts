import { constants, existsSync } from 'node:fs';
import { copyFile, link, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { writeFileAtomic } from '../atomic-file.ts';
import { openDataDir, type DataDir } from '../data-dir.ts';
import { lockDirectory } from '../directory-lock.ts';
import { AUDIT_KEY, isAuditFile, isKeyFile, readManifest, type Manifest } from './manifest.ts';
import { verifyBackup } from './verify-backup.ts';

/** What to restore, and where to. */
export interface RestoreRequest {
  /** Directory of the backup. */
  readonly backup: string;
  /** Data directory; nobody may be running on it. */
  readonly dataDir: string;
  /** Replace signing keys and the operator token by the backup’s; those of an empty directory always are. */
  readonly secrets: boolean;
  /** Identity of the restored store: cursors of the one before answer `CURSOR_EXPIRED`. */
  readonly newEpoch: string;
  readonly pid: number;
  readonly nowMs: number;
  /** Called when all is in place and before a sidecar may start. */
  readonly conclude?: (places: DataDir, restored: Restored) => void;
}

/** What was done. */
export interface Restored {
  readonly manifest: Manifest;
  /** Where the store that was there before lies now; null: there was none. */
  readonly replaced: string | null;
  /** Newest record of the audit log in the store that was put in place; null: it has none. */
  readonly auditHead: { readonly sequence: number; readonly hash: string } | null;
}

/** Stores put aside by restores that are kept. */
const KEPT_REPLACED = 2;
const REPLACED = 'replaced-';

/**
 * Puts a verified backup in the place of a data directory’s store. What was there is kept under `backups/replaced-…`.
 * While it works, `restoring.json` keeps a sidecar from starting: an interrupted restore is simply run again.
 *
 * Mirrors are not touched here: the next to open the store compares them with it.
 * @throws {DirectoryBusyError} when a sidecar runs on the directory; {BackupError} when the backup is not whole.
 */
export async function restoreBackup(request: RestoreRequest): Promise<Restored> {
  // What is no backup at all makes no directory.
  await readManifest(request.backup);
  const places = openDataDir(request.dataDir);
  const lock = lockDirectory(places.root, request.pid);
  try {
    const manifest = await verifyBackup(request.backup);
    const restored = `${places.database}.restored`;
    await copyFile(join(request.backup, basename(places.database)), restored, constants.COPYFILE_FICLONE);
    const auditHead = giveEpoch(restored, request.newEpoch);
    await flush(restored);
    await writeFileAtomic(places.restoring, `${JSON.stringify({ backup: request.backup })}\n`);
    const replaced = await putAside(places.database, places.backups, request.nowMs);
    // A log that belongs to another store would be played into this one.
    for (const suffix of ['-wal', '-shm']) await rm(`${places.database}${suffix}`, { force: true });
    await rename(restored, places.database);
    await restoreSecrets(request, manifest, places.keys, places.operatorToken);
    const done: Restored = { manifest, replaced, auditHead };
    request.conclude?.(places, done);
    await flush(places.root);
    await rm(places.restoring);
    return done;
  } finally {
    lock.release();
  }
}

/** Makes the copy a store of its own; answers the newest record of its audit log. */
function giveEpoch(path: string, epoch: string): Restored['auditHead'] {
  const driver = new Sqlite(path);
  try {
    driver.pragma('synchronous = FULL');
    driver.prepare('update store_meta set epoch = ?').run(epoch);
    // One of before stores could give space back learns it here, where nobody waits for it.
    if (driver.pragma('auto_vacuum', { simple: true }) === 0) {
      driver.pragma('auto_vacuum = INCREMENTAL');
      driver.exec('vacuum');
    }
    const hasAudit = driver.prepare("select 1 from sqlite_master where name = 'audit'").get() !== undefined;
    return hasAudit
      ? (driver
          .prepare<[], { sequence: number; hash: string }>(
            'select sequence, hash from audit order by sequence desc limit 1',
          )
          .get() ?? null)
      : null;
  } finally {
    driver.close();
  }
}

async function putAside(database: string, backups: string, nowMs: number): Promise<string | null> {
  if (!existsSync(database)) return null;
  const directory = join(backups, `${REPLACED}${new Date(nowMs).toISOString().replaceAll(':', '-')}`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const suffix of ['', '-wal', '-shm']) {
    const from = `${database}${suffix}`;
    if (existsSync(from)) await link(from, join(directory, basename(from))).catch(ignoreExisting);
  }
  const older = (await readdir(backups)).filter((name) => name.startsWith(REPLACED)).toSorted();
  for (const name of older.slice(0, -KEPT_REPLACED)) await rm(join(backups, name), { recursive: true, force: true });
  return directory;
}

async function restoreSecrets(
  { backup, secrets }: RestoreRequest,
  manifest: Manifest,
  keys: string,
  operatorToken: string,
): Promise<void> {
  const isEmpty = !existsSync(operatorToken) && (await readdir(keys)).length === 0;
  if (!manifest.secrets || !(secrets || isEmpty)) return;
  const root = dirname(operatorToken);
  const brings = new Set(manifest.files.map(({ path }) => path));
  // Backups made before they held the audit key leave the one that is here: without it no record could be verified.
  const bringsAuditKey = brings.has(`${basename(keys)}/${AUDIT_KEY}`);
  for (const name of await readdir(keys)) {
    if (isKeyFile(name) && (bringsAuditKey || !isAuditFile(name))) await rm(join(keys, name));
  }
  for (const { path } of manifest.files) {
    if (path !== basename(operatorToken) && dirname(path) !== basename(keys)) continue;
    await copyFile(join(backup, path), join(root, path));
  }
}

function ignoreExisting(cause: unknown): void {
  if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause;
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
