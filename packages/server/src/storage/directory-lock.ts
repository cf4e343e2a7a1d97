import { join } from 'node:path';
import Sqlite from 'better-sqlite3';

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
 * @throws {DirectoryBusyError} naming the holder’s pid.
 */
export function lockDirectory(root: string, pid: number): { release(): void } {
  const lock = new Sqlite(join(root, '.lock'), { timeout: 0 });
  try {
    lock.exec('begin immediate');
    lock.pragma(`user_version = ${pid}`);
    lock.exec('commit');
    lock.exec('begin immediate');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const holder: unknown = code === 'SQLITE_BUSY' ? lock.pragma('user_version', { simple: true }) : undefined;
    lock.close();
    if (code !== 'SQLITE_BUSY') throw cause;
    throw new DirectoryBusyError(root, typeof holder === 'number' && holder > 0 ? holder : null);
  }
  return {
    release() {
      lock.exec('rollback');
      lock.close();
    },
  };
}
