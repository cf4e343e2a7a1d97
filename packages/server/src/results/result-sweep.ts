import {
  olderThan,
  sweepRows,
  type Holds,
  type Sweep,
  type SweepOptions,
  type Tally,
} from '../storage/clean-up/index.ts';
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

/** Removes results that were stored too long ago, and their mirrors. A disk short of room is no reason: they are what the work was for. */
export class ResultSweep implements Sweep {
  readonly kind = 'results';
  readonly #needs: ResultSweepNeeds;

  constructor(needs: ResultSweepNeeds) {
    this.#needs = needs;
  }

  run(options: SweepOptions): Promise<Tally> {
    const { store, mirror, holds, writer, retentionMs } = this.#needs;
    const { beforeMs } = olderThan(retentionMs, { nowMs: options.nowMs });
    return sweepRows<AgedResult>(
      {
        writer,
        after: (position, bounds) => store.olderThan(beforeMs, position, bounds),
        fateOf: (result) => holds.of(result) ?? 'due',
        remove: (transaction, gone) =>
          store.remove(
            transaction,
            gone.map(({ resultId }) => resultId),
          ),
        removed: (gone) => mirror.remove(gone),
      },
      options,
    );
  }
}
