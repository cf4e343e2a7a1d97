import { EventLog, EventLogMirror } from '../events/index.ts';
import { ResultMirror, ResultStore } from '../results/index.ts';
import { systemClock } from '../runtime/clock.ts';
import { createIds } from '../runtime/ids.ts';
import { openDataDir } from '../storage/data-dir.ts';
import { lockDirectory } from '../storage/directory-lock.ts';
import { openStore } from '../storage/open-store.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { Mirrors } from './mirrors.ts';

/**
 * Makes the mirrors of a data directory that nobody runs on equal to its store, as after a restore.
 * @returns how many files differed.
 * @throws {DirectoryBusyError} when a sidecar runs on the directory.
 */
export async function rebuildMirrors(dataDir: string, pid: number): Promise<number> {
  const places = openDataDir(dataDir);
  const lock = lockDirectory(places.root, pid);
  const clock = systemClock;
  const nowMs = (): number => clock.nowMs();
  const ids = createIds(nowMs);
  try {
    const database = openStore(places, { newEpoch: ids.uuid().slice(0, 8), nowMs: clock.nowMs() });
    const needs = { clock, logger: silentLogger };
    const log = new EventLog({ database, ids, nowMs });
    const eventLog = new EventLogMirror(places.eventLog, log, needs);
    const results = new ResultMirror(places.results, { ...needs, store: new ResultStore(database) });
    try {
      return (await new Mirrors({ results, eventLog, logger: silentLogger }).rebuild()).length;
    } finally {
      await results.close();
      await eventLog.close();
      database.close();
    }
  } finally {
    lock.release();
  }
}
