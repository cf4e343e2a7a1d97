import { SidecarError, type CleanUpKind, type CleanUpReport } from '@orchestration-sidecar/shared';
import type { Clock, Timer } from '../../runtime/clock.ts';
import { releaseSpace, type Sweep, type Tally } from '../../storage/clean-up/index.ts';
import type { Database } from '../../storage/database.ts';
import type { Writer } from '../../storage/writer.ts';
import type { Logger } from '../../telemetry/logger.ts';

/** What the clean-up needs. */
export interface CleanUpNeeds {
  /** One for each kind of data, in the order in which they are swept. */
  readonly sweeps: readonly Sweep[];
  readonly database: Database;
  readonly writer: Writer;
  /** Copies what the write-ahead log holds into the store’s file, and makes that as small as the store. */
  readonly checkpoint: () => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Between two that it makes by itself. */
  readonly everyMs: number;
}

/** What is asked of a clean-up. */
export interface CleanUpRequest {
  /** Only say what would be removed. */
  readonly dryRun: boolean;
  /** Default: all. */
  readonly kinds?: readonly CleanUpKind[] | undefined;
  /** Ends it between two batches. */
  readonly signal?: AbortSignal;
}

/** After a start others come first. */
const FIRST_MS = 5 * 60_000;

/** What can be done without when the disk is short of room. */
const DISPENSABLE: ReadonlySet<CleanUpKind> = new Set(['context_cache', 'logs', 'agent_folders']);

/** Removes what has been kept long enough, by itself every day or when asked, one clean-up at a time. */
export class CleanUp {
  readonly #needs: CleanUpNeeds;
  readonly #closing = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #timer: Timer | undefined;

  constructor(needs: CleanUpNeeds) {
    this.#needs = needs;
  }

  /** Starts cleaning up by itself: soon after the start, so that one that never runs for a day does it too. */
  start(): void {
    this.#again(Math.min(FIRST_MS, this.#needs.everyMs));
  }

  /**
   * Cleans up, after what is under way.
   * @throws {SidecarError} `SHUTTING_DOWN`, `STORAGE_UNAVAILABLE`; the signal’s reason.
   */
  run(request: CleanUpRequest): Promise<CleanUpReport> {
    if (this.#closing.signal.aborted) return Promise.reject(new SidecarError('SHUTTING_DOWN'));
    const cleaning = this.#running.then(() => this.#run(request));
    this.#running = cleaning.catch(() => undefined);
    return cleaning;
  }

  /**
   * Frees so many bytes by what can be done without: contexts, logs put aside and folders of ended agents, oldest first;
   * where that is not enough, by all that is unused in the store.
   */
  relieve(bytes: number): Promise<void> {
    const { sweeps, clock } = this.#needs;
    const { signal } = this.#closing;
    const relieving = this.#running.then(async () => {
      let shortOfBytes = bytes;
      for (const sweep of sweeps) {
        if (!DISPENSABLE.has(sweep.kind) || shortOfBytes <= 0) continue;
        shortOfBytes -= (await sweep.run({ nowMs: clock.nowMs(), dryRun: false, signal, shortOfBytes })).bytes;
      }
      if (shortOfBytes > 0) await releaseSpace(this.#needs, signal, 0);
    });
    this.#running = relieving.catch(() => undefined);
    return relieving;
  }

  /** Ends a clean-up under way after its batch. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#closing.abort(new SidecarError('SHUTTING_DOWN'));
    await this.#running;
  }

  #again(delayMs: number): void {
    const { clock, everyMs, logger } = this.#needs;
    this.#timer = clock.after(delayMs, () => {
      void this.run({ dryRun: false })
        .catch((cause: unknown) => {
          if (!this.#closing.signal.aborted) logger.error({ err: cause }, 'clean-up failed');
        })
        .finally(() => {
          if (!this.#closing.signal.aborted) this.#again(everyMs);
        });
    });
  }

  async #run({ dryRun, kinds, signal }: CleanUpRequest): Promise<CleanUpReport> {
    const { sweeps, database, clock, logger } = this.#needs;
    const startedMs = performance.now();
    const closing = this.#closing.signal;
    const options = { nowMs: clock.nowMs(), dryRun, signal: signal ? AbortSignal.any([signal, closing]) : closing };
    const swept: CleanUpReport['kinds'] = [];
    const faults: unknown[] = [];
    for (const sweep of sweeps) {
      if (kinds && !kinds.includes(sweep.kind)) continue;
      try {
        swept.push(reportOf(sweep.kind, await sweep.run(options)));
      } catch (cause) {
        options.signal.throwIfAborted();
        logger.error({ err: cause, kind: sweep.kind }, 'clean-up of one kind failed');
        faults.push(cause);
      }
    }
    if (faults.length > 0) throw faults[0];
    const released = dryRun ? 0 : await releaseSpace(this.#needs, options.signal);
    const store = { released_bytes: released, free_bytes: database.freeBytes() };
    const report = { dry_run: dryRun, kinds: swept, store, took_ms: Math.round(performance.now() - startedMs) };
    const removed = swept.reduce((sum, { count }) => sum + count, 0);
    if (!dryRun && removed > 0)
      logger.info({ removed, released_bytes: released, took_ms: report.took_ms }, 'cleaned up');
    return report;
  }
}

function reportOf(kind: CleanUpKind, { count, bytes, kept }: Tally): CleanUpReport['kinds'][number] {
  return { kind, count, bytes, kept: [...kept].map(([reason, amount]) => ({ reason, ...amount })) };
}
