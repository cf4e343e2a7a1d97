import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Database } from '../database.ts';
import type { Writer } from '../writer.ts';

/** Pages given back in one transaction: moving one to where a free one was costs about as much as writing a row. */
const STEP_PAGES = 64;
/** Steps between two checkpoints: at most 2 MiB of moved pages, so that none of them takes long. */
const CHECKPOINT_STEPS = 8;
/** Share of the store that may lie free: what comes next fills it, and growing the file again costs more than leaving it. */
const FREE_SHARE = 0.1;

/**
 * Makes the file of the store smaller where much of it is unused, step by step.
 * @param keepShare of the store that is left free. Default a tenth.
 * @returns bytes given back to the disk.
 */
export async function releaseSpace(
  { database, writer }: { readonly database: Database; readonly writer: Writer },
  signal: AbortSignal,
  keepShare = FREE_SHARE,
): Promise<number> {
  let released = 0;
  for (let steps = 1; database.freeBytes() > keepShare * database.sizeBytes(); steps += 1) {
    signal.throwIfAborted();
    const step = await writer.write(() => database.release(STEP_PAGES));
    if (step === 0) break;
    released += step;
    if (steps % CHECKPOINT_STEPS === 0) database.checkpoint();
    await nextTurn();
  }
  // Only now the file is as small as the store.
  if (released > 0) database.checkpoint();
  return released;
}
