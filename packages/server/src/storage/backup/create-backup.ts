import { chmod, copyFile, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { writeFileAtomic } from '../atomic-file.ts';
import { dataDirAt } from '../data-dir.ts';
import { appliedMigrations } from '../database.ts';
import { checksumOf } from './checksum.ts';
import { integrityFaults } from './integrity.ts';
import { BackupError, isKeyFile, MANIFEST, type Manifest } from './manifest.ts';

/** What to back up, and where to. Plain data, so that it can go to a worker thread. */
export interface BackupRequest {
  /** Data directory; a sidecar may be running on it. */
  readonly dataDir: string;
  /** Directory that gets the backup as a directory of its own, made when missing. */
  readonly into: string;
  /** Whether signing keys and the operator token are copied too. */
  readonly secrets: boolean;
  readonly version: string;
  readonly nowMs: number;
}

/** How far a backup is. */
export interface BackupProgress {
  readonly step: 'copying' | 'checking';
  /** Pages of the store copied so far, and in all. */
  readonly done: number;
  readonly total: number;
}

/** A finished backup. */
export interface Backup extends Manifest {
  /** Its directory. */
  readonly path: string;
}

/** Pages copied at a time: about a megabyte. */
const STEP_PAGES = 256;
/** How the directory of a backup under way ends. */
export const PARTIAL = '.partial';

/**
 * Backs up a data directory, also while a sidecar writes to it: one snapshot of the store, copied page by page, checked
 * page by page, with the checksum of every file. Takes no lock and holds nobody up; the WAL grows until it is done.
 * @returns the backup; its directory has its name only once everything in it is on disk.
 * @throws {BackupError} when there is no store, or the copy is not whole.
 */
export async function createBackup(
  request: BackupRequest,
  onProgress: (progress: BackupProgress) => void = () => {},
): Promise<Backup> {
  const places = dataDirAt(request.dataDir);
  const time = new Date(request.nowMs).toISOString().replaceAll(':', '-');
  const path = await freeName(join(request.into, time));
  const partial = `${path}${PARTIAL}`;
  await mkdir(partial, { recursive: true, mode: 0o700 });
  try {
    const copy = join(partial, basename(places.database));
    // First: the anchor of the audit log may lie behind the store, and never before it.
    const secrets = request.secrets ? await copySecrets(places, partial) : [];
    const described = await copyStore(places.database, copy, onProgress);
    await chmod(copy, 0o600);
    onProgress({ step: 'checking', done: 0, total: 1 });
    const faults = integrityFaults(copy);
    if (faults.length > 0) throw new BackupError(`The store is damaged: ${faults[0]}`);
    const files = [];
    for (const name of [basename(places.database), ...secrets]) {
      const file = join(partial, name);
      await flush(file);
      files.push({ path: name, bytes: (await stat(file)).size, sha256: await checksumOf(file) });
    }
    const manifest: Manifest = {
      format: 1,
      version: request.version,
      created_at: new Date(request.nowMs).toISOString(),
      ...described,
      secrets: request.secrets,
      files,
    };
    await writeFileAtomic(join(partial, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
    await rename(partial, path);
    await flush(request.into);
    onProgress({ step: 'checking', done: 1, total: 1 });
    return { ...manifest, path };
  } catch (cause) {
    await rm(partial, { recursive: true, force: true });
    throw cause;
  }
}

/** One snapshot: the read transaction keeps what is committed meanwhile out, so the copy never starts over. */
async function copyStore(
  from: string,
  to: string,
  onProgress: (progress: BackupProgress) => void,
): Promise<Pick<Manifest, 'epoch' | 'schema' | 'counts'>> {
  let source: Sqlite.Database;
  try {
    source = new Sqlite(from, { readonly: true, fileMustExist: true });
  } catch (cause) {
    throw new BackupError(`There is no store at ${from} that can be read.`, { cause });
  }
  try {
    source.exec('begin');
    const count = (table: string): number =>
      source.prepare<[], number>(`select count(*) from ${table}`).pluck().get() ?? 0;
    const described = {
      epoch: source.prepare<[], string>('select epoch from store_meta').pluck().get() ?? '',
      schema: appliedMigrations(source),
      counts: {
        projects: count('projects'),
        issues: count('issues'),
        results: count('results'),
        events: count('events'),
      },
    };
    await source.backup(to, {
      progress({ totalPages, remainingPages }) {
        onProgress({ step: 'copying', done: totalPages - remainingPages, total: totalPages });
        return STEP_PAGES;
      },
    });
    const copy = new Sqlite(to);
    // One file that needs no other beside it.
    copy.pragma('journal_mode = DELETE');
    copy.close();
    return described;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    if (!(cause instanceof Error) || !/^SQLITE_(CORRUPT|NOTADB)/.test(code)) throw cause;
    throw new BackupError(`The store is damaged: ${cause.message}`, { cause });
  } finally {
    source.close();
  }
}

async function copySecrets(places: ReturnType<typeof dataDirAt>, to: string): Promise<string[]> {
  const keys = (await readdir(places.keys)).filter(isKeyFile);
  const names = [...keys.map((name) => join(basename(places.keys), name)), basename(places.operatorToken)];
  await mkdir(join(to, basename(places.keys)), { mode: 0o700 });
  // Keeps their mode: readable by their owner alone.
  for (const name of names) await copyFile(join(places.root, name), join(to, name));
  return names;
}

/** Two backups of one moment have two names. */
async function freeName(wanted: string): Promise<string> {
  const taken = new Set(await readdir(dirname(wanted)).catch(() => []));
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? wanted : `${wanted}-${number}`;
    if (!taken.has(basename(name)) && !taken.has(`${basename(name)}${PARTIAL}`)) return name;
  }
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
