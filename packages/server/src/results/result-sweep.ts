import { setImmediate as nextTurn } from 'node:timers/promises';
import { olderThan, Tally, type Holds, type Sweep, type SweepOptions } from '../storage/clean-up/index.ts';
import type { Writer } from '../storage/writer.ts';
import type { ResultMirror } from './result-mirror.ts';
import type { AgedResult, ResultStore } from './result-store.ts';

/** What the sweep needs. */
export interface ResultSweepNeeds {
  readonly store: ResultStore;
  readonly mirror: ResultMirror;
  readonly holds: Holds;
  readonly writer: Writer;
  readonly retentionMs: number;
}

/** Bounds of what one transaction removes: a few milliseconds. A large row alone may be more than the second. */
const BATCH_ROWS = 100;
const BATCH_BYTES = 1024 * 1024;

/** Removes results that were stored too long ago, and their mirrors. A disk short of room is no reason: they are what the work was for. */
export class ResultSweep implements Sweep {
  readonly kind = 'results';
  readonly #needs: ResultSweepNeeds;

  constructor(needs: ResultSweepNeeds) {
    this.#needs = needs;
  }

  async run({ signal, dryRun, nowMs }: SweepOptions): Promise<Tally> {
    const { store, mirror, writer, retentionMs } = this.#needs;
    const tally = new Tally();
    const { beforeMs } = olderThan(retentionMs, { nowMs });
    const batchAfter = (position: AgedResult | undefined): AgedResult[] =>
      store.olderThan(beforeMs, position, { maxRows: BATCH_ROWS, maxBytes: BATCH_BYTES });
    for (let batch = batchAfter(undefined); batch.length > 0; batch = batchAfter(batch.at(-1))) {
      signal.throwIfAborted();
      const free = dryRun
        ? this.#free(batch, tally)
        : await writer.write((transaction) => {
            const counted = new Tally();
            const gone = this.#free(batch, counted);
            store.remove(
              transaction,
              gone.map(({ resultId }) => resultId),
            );
            transaction.afterCommit(() => tally.add(counted));
            return gone;
          });
      if (!dryRun) await mirror.remove(free);
      await nextTurn();
    }
    return tally;
  }

  /** Those that nothing holds; counts all. */
  #free(batch: readonly AgedResult[], tally: Tally): AgedResult[] {
    return batch.filter((result) => {
      const hold = this.#needs.holds.of(result);
      if (hold) tally.keep(hold, result.bytes);
      else tally.remove({ count: 1, bytes: result.bytes });
      return !hold;
    });
  }
}
