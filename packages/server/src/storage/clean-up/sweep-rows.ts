import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Transaction, Writer } from '../writer.ts';
import type { Hold } from './holds.ts';
import type { SweepOptions } from './sweep.ts';
import { Tally } from './tally.ts';

/** What becomes of a row: it goes, its time has not come, or it must be kept although it has. */
export type Fate = 'due' | 'not_yet' | Hold;

/** What one transaction may remove at most. */
export interface BatchBounds {
  readonly maxRows: number;
  readonly maxBytes: number;
}

const MAX_ROWS = 100;
const MAX_BYTES = 1024 * 1024;
/** Rows of the first transaction. */
const FIRST_ROWS = 10;
/** A transaction that took longer is followed by one of half as many rows, one that was quicker by a larger one. */
const TURN_MS = 3;

/** Rows of one kind that go by their age. */
export interface AgingRows<Row extends { readonly bytes: number }> {
  readonly writer: Writer;
  /**
   * The next rows to look at, in an order of their own; none: it is done.
   * @param bounds at most so many rows and, but for the first, so many bytes.
   */
  after(position: Row | undefined, bounds: BatchBounds): readonly Row[];
  /** Asked inside the transaction that removes those that are due. */
  fateOf(row: Row): Fate;
  remove(transaction: Transaction, rows: readonly Row[]): void;
  /** What follows once they are gone from the store. */
  removed?(rows: readonly Row[]): Promise<void>;
}

/**
 * Removes the rows that are due, one transaction after the other, with room for others in between.
 * @throws the signal’s reason; what the store throws.
 */
export async function sweepRows<Row extends { readonly bytes: number }>(
  rows: AgingRows<Row>,
  { dryRun, signal }: Pick<SweepOptions, 'dryRun' | 'signal'>,
): Promise<Tally> {
  const tally = new Tally();
  let maxRows = dryRun ? MAX_ROWS : FIRST_ROWS;
  let position: Row | undefined;
  for (;;) {
    signal.throwIfAborted();
    const batch = rows.after(position, { maxRows, maxBytes: MAX_BYTES });
    if (batch.length === 0) return tally;
    if (dryRun) due(batch, rows, tally);
    else {
      const { gone, tookMs } = await rows.writer.writeBeside((transaction) => {
        const startedMs = performance.now();
        const counted = new Tally();
        const free = due(batch, rows, counted);
        if (free.length > 0) rows.remove(transaction, free);
        transaction.afterCommit(() => tally.add(counted));
        return { gone: free, tookMs: performance.now() - startedMs };
      });
      maxRows = tookMs > TURN_MS ? Math.max(1, Math.floor(maxRows / 2)) : Math.min(MAX_ROWS, maxRows + FIRST_ROWS);
      await rows.removed?.(gone);
    }
    position = batch.at(-1);
    await nextTurn();
  }
}

/** Those that go; counts all whose time has come. */
function due<Row extends { readonly bytes: number }>(
  batch: readonly Row[],
  rows: Pick<AgingRows<Row>, 'fateOf'>,
  tally: Tally,
): Row[] {
  return batch.filter((row) => {
    const fate = rows.fateOf(row);
    if (fate === 'due') tally.remove({ count: 1, bytes: row.bytes });
    else if (fate !== 'not_yet') tally.keep(fate, row.bytes);
    return fate === 'due';
  });
}
