import type { KeptReason } from '@orchestration-sidecar/shared';

/** How many, and how large together. */
export interface Amount {
  readonly count: number;
  readonly bytes: number;
}

/** What a sweep removed, or would, and what was due and is kept. */
export class Tally implements Amount {
  count = 0;
  bytes = 0;
  readonly kept = new Map<KeptReason, Amount>();

  /** Counts all that another has counted. */
  add(other: Tally): void {
    this.remove(other);
    for (const [reason, amount] of other.kept) this.#keepAll(reason, amount);
  }

  /** Counts what goes. */
  remove({ count, bytes }: Amount): void {
    this.count += count;
    this.bytes += bytes;
  }

  /** Counts one thing that stays although its time is over. */
  keep(reason: KeptReason, bytes: number): void {
    this.#keepAll(reason, { count: 1, bytes });
  }

  #keepAll(reason: KeptReason, { count, bytes }: Amount): void {
    const before = this.kept.get(reason) ?? { count: 0, bytes: 0 };
    this.kept.set(reason, { count: before.count + count, bytes: before.bytes + bytes });
  }
}
