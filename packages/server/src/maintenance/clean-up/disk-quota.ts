import { SidecarError, type Procedure } from '@orchestration-sidecar/shared';
import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';

/** How full the data directory is of what it may take. `unlimited`: no quota is set. */
export type DiskState = 'unlimited' | 'plenty' | 'scarce' | 'full';

/** What the quota needs. */
export interface DiskQuotaNeeds {
  /** Bytes that the data directory may take; null: any number. */
  readonly quotaBytes: number | null;
  /** Bytes that it takes. */
  readonly measure: () => Promise<number>;
  /** Frees so many bytes by removing what can be done without. */
  readonly relieve: (bytes: number) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How often it is looked, and how large a part of the time the looking may take. */
const LOOK_MS = 60_000;
const PAUSE = 20;
/** Share of the quota from which on there is a warning, and to which a full directory is brought back. */
const SCARCE = 0.8;
const RELIEVED = 0.9;
/** Largest request that is still taken from whoever has to end its work. */
const MAX_SMALL_BYTES = 65_536;

/**
 * Holds the data directory to a size. From four fifths of it on there is a warning; when it is reached, what can be done
 * without goes, the oldest first, and where that is not enough what would grow it much is refused.
 */
export class DiskQuota {
  readonly #needs: DiskQuotaNeeds;
  #usedBytes: number | null = null;
  #state: DiskState;
  #timer: Timer | undefined;
  #looking: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(needs: DiskQuotaNeeds) {
    this.#needs = needs;
    this.#state = needs.quotaBytes === null ? 'unlimited' : 'plenty';
  }

  /** How full it was at the last look. */
  get reading(): { readonly state: DiskState; readonly usedBytes: number | null; readonly quotaBytes: number | null } {
    return { state: this.#state, usedBytes: this.#usedBytes, quotaBytes: this.#needs.quotaBytes };
  }

  /** Why somebody should do something, in words; null: nobody has to. */
  get warning(): string | null {
    const { quotaBytes } = this.#needs;
    if (quotaBytes === null || this.#usedBytes === null || this.#state === 'plenty') return null;
    const percent = Math.floor((100 * this.#usedBytes) / quotaBytes);
    const what = `the data directory takes ${percent} % of diskQuotaBytes`;
    return this.#state === 'full' ? `${what}; what would grow it much is refused` : what;
  }

  /** Starts looking, once a minute; where no quota is set nothing has to be measured. */
  start(): void {
    if (this.#needs.quotaBytes !== null) this.#again(0);
  }

  /**
   * Lets a request pass that the disk has room for.
   * @throws {SidecarError} `DISK_QUOTA_EXCEEDED`.
   */
  mustFit({ growth }: Pick<Procedure, 'growth'>, input: unknown): void {
    if (this.#state !== 'full' || growth === undefined) return;
    if (growth === 'by_size' && Buffer.byteLength(JSON.stringify(input)) <= MAX_SMALL_BYTES) return;
    throw new SidecarError('DISK_QUOTA_EXCEEDED');
  }

  /** Measures, and makes room where there is none left. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look());
    return this.#looking;
  }

  /** Ends the looking. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  #again(delayMs: number): void {
    const { clock } = this.#needs;
    this.#timer = clock.after(delayMs, () => {
      // Not by the wall clock: once set forward, it would make for a pause of days.
      const startedMs = performance.now();
      void this.look().finally(() => {
        if (!this.#closed) this.#again(Math.max(LOOK_MS, PAUSE * (performance.now() - startedMs)));
      });
    });
  }

  async #look(): Promise<void> {
    const { quotaBytes, measure, relieve, logger } = this.#needs;
    if (quotaBytes === null || this.#closed) return;
    try {
      let used = await measure();
      if (used >= quotaBytes) {
        await relieve(used - RELIEVED * quotaBytes);
        used = await measure();
      }
      this.#usedBytes = used;
      this.#turn(used >= quotaBytes ? 'full' : used >= SCARCE * quotaBytes ? 'scarce' : 'plenty');
    } catch (cause) {
      if (!this.#closed) logger.warn({ err: cause }, 'the size of the data directory could not be looked after');
    }
  }

  #turn(state: DiskState): void {
    if (state === this.#state) return;
    const wasPlenty = this.#state === 'plenty';
    this.#state = state;
    const sizes = { used_bytes: this.#usedBytes, quota_bytes: this.#needs.quotaBytes };
    if (state === 'plenty') this.#needs.logger.info(sizes, 'the data directory has room again');
    else if (state === 'full') this.#needs.logger.error(sizes, 'the data directory is full; large writes are refused');
    else if (wasPlenty) this.#needs.logger.warn(sizes, 'the data directory is nearly full');
    else this.#needs.logger.info(sizes, 'the data directory takes large writes again');
  }
}
