import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { drizzle, type BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import { migrate } from 'drizzle-orm/better-sqlite3/migrator';
import { eq } from 'drizzle-orm';
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
 * @throws {StoreError} when the store was written by a newer version.
 */
export function openDatabase(path: string, options: { newEpoch: string; nowMs: number }): Database {
  const driver = new Sqlite(path);
  try {
    driver.pragma('journal_mode = WAL');
    driver.pragma('synchronous = FULL');
    driver.pragma('foreign_keys = ON');
    driver.pragma('busy_timeout = 5000');
    // Checkpoints stall whoever commits; a larger WAL makes them rare.
    driver.pragma('wal_autocheckpoint = 8000');
    refuseNewer(driver);
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
      close: () => driver.close(),
    };
  } catch (cause) {
    driver.close();
    throw cause;
  }
}

/** Drizzle’s migrator only compares times, so a store from the future has to be recognised here. */
function refuseNewer(driver: Sqlite.Database): void {
  const known = driver.prepare("select 1 from sqlite_master where name = '__drizzle_migrations'").get();
  if (!known) return;
  const row = driver.prepare<[], { applied: number }>('select count(*) as applied from __drizzle_migrations').get();
  const shipped = existsSync(MIGRATIONS) ? readdirSync(MIGRATIONS).filter((name) => name.endsWith('.sql')).length : 0;
  if (row && row.applied > shipped) {
    throw new StoreError(
      `The store was written by a newer version (schema ${row.applied}, this version knows ${shipped}). Use that version.`,
    );
  }
}
