import { join } from 'node:path';
import Sqlite from 'better-sqlite3';

/** What the store holds of what was acknowledged. */
export interface Stored {
  /** `ok`, or what SQLite found. */
  readonly integrity: string;
  readonly lostEvents: number;
  readonly lostResults: number;
}

/** Looks into the store itself, beside the server that runs on it. */
export function inspectStore(dataDir: string, events: ReadonlySet<string>, results: ReadonlySet<string>): Stored {
  const database = new Sqlite(join(dataDir, 'sidecar.db'), { readonly: true });
  try {
    const ids = (sql: string): Set<unknown> => new Set(database.prepare(sql).pluck().all());
    return {
      integrity: String(database.pragma('integrity_check', { simple: true })),
      lostEvents: events.difference(ids('SELECT event_id FROM events')).size,
      lostResults: results.difference(ids('SELECT result_id FROM results')).size,
    };
  } finally {
    database.close();
  }
}
