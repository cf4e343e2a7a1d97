import { existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { integrityFaults } from './backup/integrity.ts';
import type { DataDir } from './data-dir.ts';
import { appliedMigrations, shippedMigrations } from './database.ts';
import { lossOf } from './open-store.ts';

/** What a store looks like from outside. */
export interface StoreExamination {
  /** Whether whoever asks can open it; the rest is unknown otherwise. SQLite needs to write beside it, to read it too. */
  readonly opens: boolean;
  /** Faults of the file, at most ten. */
  readonly faults: readonly string[];
  /** Migrations behind it, and those this version brings; null: it could not be read. */
  readonly schema: { readonly applied: number; readonly shipped: number } | null;
  readonly bytes: number;
  /** What it once had and has no more, in words; null: nothing is known to be missing. */
  readonly loss: string | null;
  /** Time of the newest event; null: there is none, or it could not be read. */
  readonly newestEventMs: number | null;
  /** Ids of agents that the store says have ended. */
  readonly endedAgents: readonly string[];
}

/** Agents of which it is asked whether processes are left. */
const MAX_AGENTS = 10_000;

/** Whether somebody holds a data directory, and who. Changes nothing. */
export function holderOf(places: Pick<DataDir, 'root'>): { readonly held: boolean; readonly pid: number | null } {
  const path = join(places.root, '.lock');
  if (!existsSync(path)) return { held: false, pid: null };
  let lock: Sqlite.Database | undefined;
  try {
    lock = new Sqlite(path, { timeout: 0 });
    lock.exec('begin immediate');
    lock.exec('rollback');
    return { held: false, pid: null };
  } catch (cause) {
    // One that cannot be read at all is held by nobody: whoever holds it could read it.
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'SQLITE_BUSY')) return { held: false, pid: null };
    const pid: unknown = lock?.pragma('user_version', { simple: true });
    return { held: true, pid: typeof pid === 'number' && pid > 0 ? pid : null };
  } finally {
    lock?.close();
  }
}

/** Reads every page of a store without changing it; undefined when there is none. */
export function examineStore(places: Pick<DataDir, 'database' | 'eventLog'>): StoreExamination | undefined {
  const { database } = places;
  if (!existsSync(database)) return undefined;
  // Reading a store that nobody has open makes these; they are taken away again.
  const made = ['-wal', '-shm'].map((suffix) => `${database}${suffix}`).filter((path) => !existsSync(path));
  try {
    return { faults: integrityFaults(database), bytes: statSync(database).size, ...contentsOf(places) };
  } finally {
    for (const path of made) if (existsSync(path) && (path.endsWith('-shm') || statSync(path).size === 0)) rmSync(path);
  }
}

function contentsOf(places: Pick<DataDir, 'database' | 'eventLog'>): Omit<StoreExamination, 'faults' | 'bytes'> {
  let driver: Sqlite.Database | undefined;
  try {
    driver = new Sqlite(places.database, { readonly: true });
    const newest = driver
      .prepare<[], number | null>('select accepted_at_ms from events order by id desc limit 1')
      .pluck()
      .get();
    const endedAgents = driver
      .prepare<[], string>(
        `select agent_id from agents where state in ('exited', 'failed', 'stopped')
         order by created_at_ms desc limit ${MAX_AGENTS}`,
      )
      .pluck()
      .all();
    const schema = { applied: appliedMigrations(driver), shipped: shippedMigrations() };
    return { opens: true, schema, loss: lossOf(driver, places), newestEventMs: newest ?? null, endedAgents };
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    return {
      opens: !/^SQLITE_(CANTOPEN|READONLY)/.test(code),
      schema: null,
      loss: null,
      newestEventMs: null,
      endedAgents: [],
    };
  } finally {
    driver?.close();
  }
}
