import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { drizzle, type BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import { migrate } from 'drizzle-orm/better-sqlite3/migrator';
import { eq } from 'drizzle-orm';
import { TEMPORARY } from './atomic-file.ts';
import * as schema from './schema.ts';

/** The embedded store: drizzle for queries, the driver itself for hot statements and transactions. */
export interface Database {
  readonly query: BetterSQLite3Database<typeof schema>;
  readonly driver: Sqlite.Database;
  /** Which store this is; part of every cursor. Changes when a backup is restored. */
  readonly epoch: string;
  /** Whether a read succeeds now. */
  isReadable(): boolean;
  /** Bytes the store takes, as SQLite counts them. */
  sizeBytes(): number;
  /** Bytes of the store that nothing uses; what is written next fills them. */
  freeBytes(): number;
  /**
   * Gives up to so many unused pages back to the disk; call it inside a write transaction.
   * @returns how many bytes; 0 also of a store that was made before stores could do this.
   */
  release(maxPages: number): number;
  /** Bytes of the write-ahead log; 0 when there is none. */
  walBytes(): number;
  /**
   * Whether a commit waits until it is on disk, as it does to begin with. One that does not survives the end of the process,
   * not a power cut before the next {@link flush}, checkpoint or commit that waits. Only outside of a transaction.
   */
  waitForDisk(waits: boolean): void;
  /** Resolves when all that was committed is on disk, without keeping the event loop waiting. */
  flush(): Promise<void>;
  close(): void;
}

/** Folder of the generated migrations, beside this file both in the source tree and in the bundle. */
const MIGRATIONS = join(import.meta.dirname, 'migrations');

/** A store that this version cannot open, in words for the operator. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
}

/**
 * Opens (and on first use creates) the database file and brings its schema up to date.
 *
 * WAL with `synchronous=FULL`: a committed transaction is on disk (DECISIONS 4).
 * @param path the file, or `:memory:`.
 * @param newEpoch used when the store is new.
 * @throws {StoreError} when the store was written by a newer version, is damaged, or its disk refuses.
 */
export function openDatabase(path: string, options: { newEpoch: string; nowMs: number }): Database {
  let driver: Sqlite.Database | undefined;
  try {
    driver = new Sqlite(path);
    return prepare(driver, path, options);
  } catch (cause) {
    driver?.close();
    throw inWords(cause, path) ?? cause;
  }
}

function prepare(driver: Sqlite.Database, path: string, options: { newEpoch: string; nowMs: number }): Database {
  {
    // Takes effect on a store that is still empty: its file can become smaller without being written anew.
    driver.pragma('auto_vacuum = INCREMENTAL');
    driver.pragma('journal_mode = WAL');
    driver.pragma('synchronous = FULL');
    driver.pragma('foreign_keys = ON');
    driver.pragma('busy_timeout = 5000');
    // Checkpoints stall whoever commits; a sidecar has a thread for them, and this is for a log that it cannot keep short.
    driver.pragma('wal_autocheckpoint = 16000');
    refuseNewer(driver);
    copyBeforeMigration(driver, path, options.nowMs);
    const query = drizzle(driver, { schema });
    migrate(query, { migrationsFolder: MIGRATIONS });
    query
      .insert(schema.storeMeta)
      .values({ id: 1, epoch: options.newEpoch, createdAtMs: options.nowMs })
      .onConflictDoNothing()
      .run();
    const meta = query.select().from(schema.storeMeta).where(eq(schema.storeMeta.id, 1)).get();
    if (!meta) throw new StoreError('The store has no identity row.');
    const probe = driver.prepare('select 1 from store_meta');
    const size = driver
      .prepare<[], number>('select page_count * page_size from pragma_page_count, pragma_page_size')
      .pluck();
    const free = driver
      .prepare<[], number>('select freelist_count * page_size from pragma_freelist_count, pragma_page_size')
      .pluck();
    return {
      query,
      driver,
      epoch: meta.epoch,
      isReadable() {
        try {
          return probe.get() !== undefined;
        } catch {
          return false;
        }
      },
      sizeBytes: () => size.get() ?? 0,
      freeBytes: () => free.get() ?? 0,
      release(maxPages) {
        const before = size.get() ?? 0;
        driver.pragma(`incremental_vacuum(${maxPages})`);
        return before - (size.get() ?? 0);
      },
      waitForDisk: (waits) => void driver.pragma(`synchronous = ${waits ? 'FULL' : 'NORMAL'}`),
      flush: () => flushFile(`${path}-wal`),
      walBytes: () => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0,
      close: () => driver.close(),
    };
  }
}

/** Drizzle’s migrator only compares times, so a store from the future has to be recognised here. */
function refuseNewer(driver: Sqlite.Database): void {
  const [applied, shipped] = [appliedMigrations(driver), shippedMigrations()];
  if (applied > shipped) {
    throw new StoreError(
      `The store was written by a newer version (schema ${applied}, this version knows ${shipped}). Use that version.`,
    );
  }
}

/** Number of migrations that a store has behind it; its schema’s number. 0: it is empty. */
export function appliedMigrations(driver: Sqlite.Database): number {
  const known = driver.prepare("select 1 from sqlite_master where name = '__drizzle_migrations'").get();
  if (!known) return 0;
  return driver.prepare<[], number>('select count(*) from __drizzle_migrations').pluck().get() ?? 0;
}

/** Number of migrations that this version brings. */
export function shippedMigrations(): number {
  return existsSync(MIGRATIONS) ? readdirSync(MIGRATIONS).filter((name) => name.endsWith('.sql')).length : 0;
}

/** Copies of stores from before a migration that are kept. */
const KEPT_COPIES = 2;
const COPY = /^before-migration-.*\.db$/;

/** Keeps a copy of a store that is about to be migrated, beside the backups: migrations go forward only. */
function copyBeforeMigration(driver: Sqlite.Database, path: string, nowMs: number): void {
  const applied = appliedMigrations(driver);
  if (applied === 0 || applied >= shippedMigrations() || path === ':memory:') return;
  const directory = join(dirname(path), 'backups');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const time = new Date(nowMs).toISOString().replaceAll(':', '-');
  const copy = join(directory, `before-migration-${time}-schema-${applied}.db`);
  const draft = `${copy}${TEMPORARY}`;
  // What an earlier try left behind when its disk was full or it was killed.
  for (const name of readdirSync(directory)) {
    if (name.startsWith('before-migration-') && name.endsWith(TEMPORARY))
      rmSync(join(directory, name), { force: true });
  }
  // SQLite’s own copy, and not the file: that lacks what is still in the write-ahead log while somebody reads.
  driver.prepare('vacuum into ?').run(draft);
  chmodSync(draft, 0o600);
  flush(draft);
  renameSync(draft, copy);
  const copies = readdirSync(directory).filter((name) => COPY.test(name));
  for (const name of copies.toSorted().slice(0, -KEPT_COPIES)) rmSync(join(directory, name), { force: true });
}

function flush(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** The write-ahead log, which is gone when the last who had the store open has copied it. */
async function flushFile(path: string): Promise<void> {
  const file = await openFile(path, 'r+').catch((cause: unknown) => {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw cause;
  });
  try {
    await file?.datasync();
  } finally {
    await file?.close();
  }
}

/** What the driver says of a file that cannot be used, in words; undefined: it is something else. */
function inWords(cause: unknown, path: string): StoreError | undefined {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (typeof code !== 'string' || !(cause instanceof Error)) return undefined;
  const damaged = /^SQLITE_(CORRUPT|NOTADB)/.test(code);
  if (!damaged && !/^SQLITE_(FULL|IOERR|READONLY|CANTOPEN)/.test(code)) return undefined;
  return new StoreError(
    damaged
      ? `The store ${path} is damaged (${cause.message}). Nothing was changed. \`sidecar doctor\` says more; ` +
          '`sidecar restore <backup>` puts a backup in its place and keeps what is there now.'
      : `The store ${path} cannot be opened (${cause.message}). \`sidecar doctor\` looks at its disk and permissions.`,
    { cause },
  );
}
