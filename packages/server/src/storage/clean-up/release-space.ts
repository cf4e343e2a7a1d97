import type { Database } from '../database.ts';
import type { Writer } from '../writer.ts';

/** Pages given back in one transaction: moving one to where a free one was costs about as much as writing a row. */
const STEP_PAGES = 64;
/** Share of the store that may lie free: what comes next fills it, and growing the file again costs more than leaving it. */
const FREE_SHARE = 0.1;

/** What {@link releaseSpace} needs. */
export interface SpaceNeeds {
  readonly database: Database;
  readonly writer: Writer;
  /** Copies what the write-ahead log holds into the file, and makes that as small as the store. */
  readonly checkpoint: () => Promise<void>;
}

/**
 * Makes the file of the store smaller where much of it is unused, step by step.
 * @param keepShare of the store that is left free. Default a tenth.
 * @returns bytes given back to the disk.
 */
export async function releaseSpace(
  { database, writer, checkpoint }: SpaceNeeds,
  signal: AbortSignal,
  keepShare = FREE_SHARE,
): Promise<number> {
  let released = 0;
  while (database.freeBytes() > keepShare * database.sizeBytes()) {
    signal.throwIfAborted();
    const step = await writer.writeBeside(() => database.release(STEP_PAGES));
    if (step === 0) break;
    released += step;
    // No row changes, so the writer does not see that there is something to wait for.
    await writer.flush();
  }
  // Only now the file is as small as the store.
  if (released > 0) await checkpoint();
  return released;
}
