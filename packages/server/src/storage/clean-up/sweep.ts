import type { CleanUpKind } from '@orchestration-sidecar/shared';
import type { Tally } from './tally.ts';

/** How a sweep is done. */
export interface SweepOptions {
  readonly nowMs: number;
  /** Only count what would go. */
  readonly dryRun: boolean;
  /** Ends the sweep between two batches; what was removed until then is gone. */
  readonly signal: AbortSignal;
  /**
   * The disk is short of room: what can be done without goes before its time, oldest first, until so many bytes are
   * freed. Left out: what its retention is over for goes, all of it.
   */
  readonly shortOfBytes?: number;
}

/**
 * The clean-up of one kind of data. It works in small batches, lets the event loop turn between them, and never removes
 * what is pinned or belongs to what runs.
 */
export interface Sweep {
  readonly kind: CleanUpKind;
  /** @throws the signal’s reason; what the store throws. What the disk would not let go of is counted as `refused`. */
  run(options: SweepOptions): Promise<Tally>;
}

/** From which age on something goes, and how many bytes are enough. */
export function olderThan(
  retentionMs: number,
  { nowMs, shortOfBytes }: Pick<SweepOptions, 'nowMs' | 'shortOfBytes'>,
): { readonly beforeMs: number; readonly enoughBytes: number } {
  return shortOfBytes === undefined
    ? { beforeMs: nowMs - retentionMs, enoughBytes: Infinity }
    : { beforeMs: Infinity, enoughBytes: shortOfBytes };
}
