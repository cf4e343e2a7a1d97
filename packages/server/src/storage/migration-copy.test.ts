import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { appliedMigrations, openDatabase, shippedMigrations } from './database.ts';

const MIGRATIONS = join(import.meta.dirname, 'migrations');

/** A store as the first version left it. */
function olderStore(path: string): Sqlite.Database {
  const journal: unknown = JSON.parse(readFileSync(join(MIGRATIONS, 'meta', '_journal.json'), 'utf8'));
  const { entries } = journal as { entries: { tag: string; when: number }[] };
  expect(entries[0]?.tag).toBe('0000_initial');
  const store = new Sqlite(path);
  store.pragma('journal_mode = WAL');
  store.exec('create table __drizzle_migrations (id integer primary key, hash text not null, created_at numeric)');
  store.exec(readFileSync(join(MIGRATIONS, '0000_initial.sql'), 'utf8'));
  store.prepare('insert into __drizzle_migrations (hash, created_at) values (?, ?)').run('first', entries[0]?.when);
  return store;
}

const roots = (store: Sqlite.Database): string[] =>
  store.prepare<[], string>('select root from projects order by project_id').pluck().all();

test('before a migration the whole store is copied, also what lies in a write-ahead log that somebody reads', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sidecar-migration-'));
  const path = join(directory, 'sidecar.db');
  const older = olderStore(path);
  older.pragma('wal_checkpoint(TRUNCATE)');
  const reader = new Sqlite(path, { readonly: true });
  reader.exec('begin');
  expect(roots(reader)).toEqual([]);
  older.exec("insert into projects (project_id, root, created_at_ms) values ('a', '/a', 1), ('b', '/b', 1)");
  expect(statSync(`${path}-wal`).size).toBeGreaterThan(0);

  const migrated = openDatabase(path, { newEpoch: 'e', nowMs: 0 });
  expect(appliedMigrations(migrated.driver)).toBe(shippedMigrations());
  expect(roots(migrated.driver)).toEqual(['/a', '/b']);
  const copies = readdirSync(join(directory, 'backups'));
  expect(copies).toEqual(['before-migration-1970-01-01T00-00-00.000Z-schema-1.db']);
  const copyPath = join(directory, 'backups', copies[0] ?? '');
  expect(statSync(copyPath).mode & 0o777).toBe(0o600);
  const copy = new Sqlite(copyPath, { readonly: true });
  expect(roots(copy)).toEqual(['/a', '/b']);
  expect(appliedMigrations(copy)).toBe(1);
  expect(copy.pragma('integrity_check', { simple: true })).toBe('ok');

  for (const store of [copy, reader, older]) store.close();
  migrated.close();
  // A store that needs none is not copied.
  openDatabase(path, { newEpoch: 'e', nowMs: 1 }).close();
  expect(readdirSync(join(directory, 'backups'))).toEqual(copies);
  rmSync(directory, { recursive: true });
});

test('dead letters of an older store keep their events, each once', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sidecar-migration-'));
  const path = join(directory, 'sidecar.db');
  const older = olderStore(path);
  const lay = older.prepare(
    `insert into dead_letters (dead_letter_id, project_id, consumer, sequence, reason, attempts, history, body, created_at_ms)
     values (?, 'p', ?, ?, 'refused', 1, '[]', ?, 1)`,
  );
  lay.run('dl-1', 'a', 7, 'seven');
  lay.run('dl-2', 'b', 7, 'seven');
  lay.run('dl-3', 'a', 8, 'eight');
  older.close();
  const migrated = openDatabase(path, { newEpoch: 'e', nowMs: 0 });
  const kept = migrated.driver.prepare('select sequence, body from dead_letter_events order by sequence').raw().all();
  expect(kept).toEqual([
    [7, 'seven'],
    [8, 'eight'],
  ]);
  migrated.close();
  rmSync(directory, { recursive: true });
});
