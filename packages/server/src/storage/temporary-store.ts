import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase, type Database } from './database.ts';
import { Writer } from './writer.ts';

/** A store in a directory of its own, for tests. */
export interface TemporaryStore {
  readonly directory: string;
  readonly database: Database;
  readonly writer: Writer;
  /** What a sidecar has a thread for. */
  checkpoint(): Promise<void>;
  /** Closes and opens it again, as a restart would. */
  reopen(): TemporaryStore;
  [Symbol.dispose](): void;
}

/** Opens a store that is removed when it is disposed. */
export function openTemporaryStore(directory = mkdtempSync(join(tmpdir(), 'sidecar-store-'))): TemporaryStore {
  const database = openDatabase(join(directory, 'sidecar.db'), { newEpoch: 'testepoch', nowMs: 0 });
  const writer = new Writer(database);
  const close = (): void => {
    writer.close();
    database.close();
  };
  return {
    directory,
    database,
    writer,
    checkpoint: async () => void database.driver.pragma('wal_checkpoint(PASSIVE)'),
    reopen() {
      close();
      return openTemporaryStore(directory);
    },
    [Symbol.dispose]() {
      close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
