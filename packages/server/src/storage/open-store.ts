import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { relative } from 'node:path';
import type Sqlite from 'better-sqlite3';
import { LIMITS, parseCursor, type Position } from '@orchestration-sidecar/shared';
import { z } from 'zod';
import type { DataDir } from './data-dir.ts';
import { openDatabase, StoreError, type Database } from './database.ts';

/** The store of a data directory. */
export interface Store extends Database {
  /** What it once had and has no more, in words; null: nothing is known to be missing. */
  readonly loss: string | null;
}

/**
 * Opens the store of a data directory, and creates that of a new one. Where the mirror of the log shows an event that the
 * store should have and has not (a write-ahead log that was cut short, an older file in its place), positions are about to
 * be given out a second time: the store gets a new epoch, so that cursors from before are refused and never skip anything.
 * @throws {StoreError} as {@link openDatabase}, and when the store of a directory that was used before is gone.
 */
export function openStore(
  places: Pick<DataDir, 'root' | 'database' | 'eventLog' | 'auditAnchor'>,
  options: { readonly newEpoch: string; readonly nowMs: number },
): Store {
  refuseGone(places);
  const database = openDatabase(places.database, options);
  const loss = lossOf(database.driver, places);
  if (loss === null) return { ...database, loss };
  database.driver.prepare('update store_meta set epoch = ?').run(options.newEpoch);
  return { ...database, epoch: options.newEpoch, loss };
}

/** What a store should have by the mirror of its log and has not, in words; null: nothing is known to be missing. */
export function lossOf(driver: Sqlite.Database, { eventLog }: Pick<DataDir, 'eventLog'>): string | null {
  const shown = newestShown(eventLog);
  const epoch = driver.prepare<[], string>('select epoch from store_meta').pluck().get();
  if (shown === undefined || shown.epoch !== epoch) return null;
  const head = headOf(driver, shown.projectId);
  if (shown.sequence <= head) return null;
  const events = `events ${head + 1} to ${shown.sequence} of project ${shown.projectId}`;
  return `${events} were acknowledged and are lost, with whatever was stored after them`;
}

/** Whether a directory that was used before has no store any more. */
export function isGone({ database, auditAnchor }: Pick<DataDir, 'database' | 'auditAnchor'>): boolean {
  return existsSync(auditAnchor) && (statSync(database, { throwIfNoEntry: false })?.size ?? 0) === 0;
}

function refuseGone(places: Pick<DataDir, 'root' | 'database' | 'auditAnchor'>): void {
  if (!isGone(places)) return;
  throw new StoreError(
    `The store ${places.database} is gone or empty, although its directory was used before ` +
      `(${relative(places.root, places.auditAnchor)} says so). Nothing was changed. \`sidecar restore <backup>\` puts a ` +
      'backup in its place; to begin anew, choose another --data-dir.',
  );
}

/** What usually holds a whole line. */
const FEW_BYTES = 64 * 1024;
const Shown = z.object({ project_id: z.string(), cursor: z.string() });

/** Position of the newest event that the mirror shows. A line that a killed process did not finish is passed over. */
function newestShown(path: string): ({ readonly projectId: string } & Position) | undefined {
  // Most events are small, and whoever starts waits for this.
  for (const maxBytes of [FEW_BYTES, 2 * LIMITS.maxEventBytes]) {
    for (const line of linesAtEnd(path, maxBytes).toReversed()) {
      try {
        const { project_id: projectId, cursor } = Shown.parse(JSON.parse(line));
        return { projectId, ...parseCursor(cursor) };
      } catch {
        continue;
      }
    }
  }
  return undefined;
}

/** The end of a file in lines; the first may be half of one. */
function linesAtEnd(path: string, maxBytes: number): string[] {
  if (!existsSync(path)) return [];
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, maxBytes));
    readSync(file, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('utf8').split('\n');
  } finally {
    closeSync(file);
  }
}

function headOf(driver: Sqlite.Database, projectId: string): number {
  return (
    driver
      .prepare<[string, string], number>(
        `select max(coalesce((select max(sequence) from events where project_id = ?), 0),
                    coalesce((select head_sequence from log_positions where project_id = ?), 0))`,
      )
      .pluck()
      .get(projectId, projectId) ?? 0
  );
}
