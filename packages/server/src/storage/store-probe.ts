import { SidecarError } from '@orchestration-sidecar/shared';
import type { Clock } from '../runtime/clock.ts';
import type { Database } from './database.ts';
import type { Writer } from './writer.ts';

/** How the store is. */
export interface StoreHealth {
  /** `degraded`: what is stored can be read, but writes are refused or take long. */
  readonly state: 'healthy' | 'degraded' | 'unhealthy';
  /** Why it is not healthy, in words; null when it is. */
  readonly reason: string | null;
  /** How long the last write and read took, in milliseconds; null when it did not end in time or was refused. */
  readonly latencyMs: number | null;
}

/** A store that takes longer than this for one small write is slow. */
const SLOW_MS = 500;
/** So long after the disk refused anybody’s write the store is not healthy, even where a small one succeeds. */
const REFUSED_FOR_MS = 2000;
/** An answer this young is given again, so that asking often does not cost a disk access each. */
const FRESH_MS = 1000;

/**
 * Exercises the store as every caller does: a small write through the one writer, its commit on disk, and a read of
 * what was written. Whoever asks waits at most half a second; a write that takes longer goes on and is the next
 * answer. At most one is under way.
 */
export class StoreProbe {
  readonly #database: Database;
  readonly #writer: Pick<Writer, 'write'>;
  readonly #clock: Clock;
  #underWay: Promise<StoreHealth> | undefined;
  #last: { readonly health: StoreHealth; readonly atMs: number } | undefined;
  /** `elapsedMs` of the last write that the disk refused. */
  #refusedMs = -Infinity;

  constructor(needs: { readonly database: Database; readonly writer: Pick<Writer, 'write'>; readonly clock: Clock }) {
    this.#database = needs.database;
    this.#writer = needs.writer;
    this.#clock = needs.clock;
  }

  /** Tells that the disk refused a write: an answer from before holds no longer. */
  refused(): void {
    this.#refusedMs = this.#clock.elapsedMs();
    if (this.#last?.health.state === 'healthy') this.#last = undefined;
  }

  /** How the store is now, within half a second. */
  async check(): Promise<StoreHealth> {
    if (this.#last && this.#clock.elapsedMs() - this.#last.atMs < FRESH_MS) return this.#last.health;
    this.#underWay ??= this.#exercise().finally(() => (this.#underWay = undefined));
    const { promise: late, resolve } = Promise.withResolvers<StoreHealth>();
    const timer = this.#clock.after(SLOW_MS, () => resolve(this.#degraded(`a small write takes over ${SLOW_MS} ms`)));
    try {
      return await Promise.race([this.#underWay, late]);
    } finally {
      timer.cancel();
    }
  }

  async #exercise(): Promise<StoreHealth> {
    const startedMs = performance.now();
    const health = await this.#writeAndRead().then(
      (): StoreHealth => {
        const latencyMs = performance.now() - startedMs;
        if (this.#clock.elapsedMs() - this.#refusedMs < REFUSED_FOR_MS)
          return { state: 'degraded', reason: 'the disk refused a write a moment ago', latencyMs };
        return latencyMs > SLOW_MS
          ? { state: 'degraded', reason: `a small write took ${Math.round(latencyMs)} ms`, latencyMs }
          : { state: 'healthy', reason: null, latencyMs };
      },
      (cause: unknown) => this.#degraded(reasonOf(cause)),
    );
    this.#last = { health, atMs: this.#clock.elapsedMs() };
    return health;
  }

  /** A number in the header of the database that nothing else uses: transactional, and one page. */
  async #writeAndRead(): Promise<void> {
    const { driver } = this.#database;
    const written = await this.#writer.write(() => {
      const next = (Number(driver.pragma('user_version', { simple: true })) + 1) % 2 ** 31;
      driver.pragma(`user_version = ${next}`);
      return next;
    });
    if (driver.pragma('user_version', { simple: true }) !== written) throw new Error('what was written is not there');
  }

  #degraded(reason: string): StoreHealth {
    return this.#database.isReadable()
      ? { state: 'degraded', reason, latencyMs: null }
      : { state: 'unhealthy', reason: 'the database cannot be read', latencyMs: null };
  }
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof SidecarError)) return 'a small write failed';
  return cause.code === 'SHUTTING_DOWN' ? 'the sidecar is stopping' : 'the disk refuses writes';
}
