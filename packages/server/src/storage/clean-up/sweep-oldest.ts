import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Hold } from './holds.ts';
import { olderThan, type SweepOptions } from './sweep.ts';
import { Tally } from './tally.ts';

/** Something on disk that goes when its time is over. */
export interface Aging {
  /** When it was last used or written to. */
  readonly usedMs: number;
  bytes(): number | Promise<number>;
  /** Why it must be kept; null: it may go. */
  hold(): Hold | null;
  remove(): void | Promise<void>;
}

/**
 * Removes what is due one by one, the oldest first. One that cannot be removed keeps none of the others back.
 * @throws the signal’s reason; what the listing throws.
 */
export async function sweepOldest(
  listed: AsyncIterable<Aging>,
  retentionMs: number,
  options: SweepOptions,
): Promise<Tally> {
  const { dryRun, signal } = options;
  const { beforeMs, enoughBytes } = olderThan(retentionMs, options);
  const due: Aging[] = [];
  for await (const one of listed) {
    signal.throwIfAborted();
    if (one.usedMs < beforeMs) due.push(one);
  }
  const tally = new Tally();
  for (const one of due.toSorted((a, b) => a.usedMs - b.usedMs)) {
    signal.throwIfAborted();
    if (tally.bytes >= enoughBytes) break;
    const bytes = await one.bytes();
    const hold = one.hold();
    if (hold) tally.keep(hold, bytes);
    else {
      try {
        if (!dryRun) await one.remove();
        tally.remove({ count: 1, bytes });
      } catch {
        tally.keep('refused', bytes);
      }
    }
    await nextTurn();
  }
  return tally;
}
