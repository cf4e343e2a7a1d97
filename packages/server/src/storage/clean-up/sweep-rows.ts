import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Transaction, Writer } from '../writer.ts';
import type { Hold } from './holds.ts';
import type { SweepOptions } from './sweep.ts';
import { Tally } from './tally.ts';

/** What becomes of a row: it goes, its time has not come, or it must be kept although it has. */
export type Fate = 'due' | 'not_yet' | Hold;

/** Rows of one kind that go by their age. */
export interface AgingRows<Row extends { readonly bytes: number }> {
  readonly writer: Writer;
  /** The next rows to look at, in an order of their own, no more than one transaction may remove; none: it is done. */
  after(position: Row | undefined): readonly Row[];
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
  for (let batch = rows.after(undefined); batch.length > 0; batch = rows.after(batch.at(-1))) {
    signal.throwIfAborted();
    const looked = batch;
    if (dryRun) due(looked, rows, tally);
    else {
      const gone = await rows.writer.write((transaction) => {
        const counted = new Tally();
        const free = due(looked, rows, counted);
        if (free.length > 0) rows.remove(transaction, free);
        transaction.afterCommit(() => tally.add(counted));
        return free;
      });
      await rows.removed?.(gone);
    }
    await nextTurn();
  }
  return tally;
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
