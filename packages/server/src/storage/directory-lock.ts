import { dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { StoreError } from './database.ts';

/** Another process owns the data directory. */
export class DirectoryBusyError extends Error {
  override readonly name = 'DirectoryBusyError';
  readonly pid: number | null;

  constructor(root: string, pid: number | null) {
    super(`The data directory ${root} is in use by ${pid === null ? 'another process' : `process ${pid}`}.`);
    this.pid = pid;
  }
}

/**
 * Takes the data directory for this process (DECISIONS 3). The lock is an open write transaction on a small SQLite
 * file: the kernel drops it when the process ends, however it ends, so there is nothing stale to clean up. Others can
 * still read the holder’s pid, which is kept in the file’s `user_version`.
 * @throws {DirectoryBusyError} naming the holder’s pid; {StoreError} when the directory cannot be written or the lock is damaged.
 */
export function lockDirectory(root: string, pid: number): { release(): void } {
  const path = join(root, '.lock');
  let lock: Sqlite.Database | undefined;
  try {
    lock = new Sqlite(path, { timeout: 0 });
    lock.exec('begin immediate');
    lock.pragma(`user_version = ${pid}`);
    lock.exec('commit');
    lock.exec('begin immediate');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const holder: unknown = code === 'SQLITE_BUSY' ? lock?.pragma('user_version', { simple: true }) : undefined;
    lock?.close();
    if (code !== 'SQLITE_BUSY') throw inWords(cause, path) ?? cause;
    throw new DirectoryBusyError(root, typeof holder === 'number' && holder > 0 ? holder : null);
  }
  const held = lock;
  return {
    release() {
      held.exec('rollback');
      held.close();
    },
  };
}

/** What the driver says of a lock that cannot be taken, in words; undefined: it is something else. */
function inWords(cause: unknown, path: string): StoreError | undefined {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (typeof code !== 'string' || !(cause instanceof Error)) return undefined;
  const said = `(${cause.message})`;
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) {
    return new StoreError(`The lock ${path} is damaged ${said}. Remove it once no sidecar runs there.`, { cause });
  }
  if (!/^SQLITE_(FULL|IOERR|READONLY|CANTOPEN)/.test(code)) return undefined;
  const advice = '`sidecar doctor` looks at its disk and permissions.';
  return new StoreError(`The data directory ${dirname(path)} cannot be written ${said}. ${advice}`, { cause });
}
