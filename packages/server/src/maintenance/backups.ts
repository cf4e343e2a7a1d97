import { SidecarError } from '@orchestration-sidecar/shared';
import { repeat, type Clock, type Timer } from '../runtime/clock.ts';
import {
  backUpInThread,
  BackupError,
  listBackups,
  removeOldBackups,
  type Backup,
  type BackupProgress,
} from '../storage/backup/index.ts';
import type { DataDir } from '../storage/data-dir.ts';
import type { Logger } from '../telemetry/logger.ts';

/** What the backups need. */
export interface BackupsNeeds {
  readonly places: DataDir;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Hours between two backups made by themselves; 0: none are. */
  readonly everyHours: number;
  /** Newest backups that are kept. */
  readonly keep: number;
}

/** How often it is looked whether a backup is due. */
const LOOK_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Backups of this sidecar, made while it runs, one at a time, in a thread of their own. */
export class Backups {
  readonly #needs: BackupsNeeds;
  readonly #closing = new AbortController();
  #running: { readonly made: Promise<Backup>; progress: BackupProgress } | undefined;
  #schedule: Timer | undefined;

  constructor(needs: BackupsNeeds) {
    this.#needs = needs;
  }

  /** Starts making backups by itself: the first when the newest there is is old enough. */
  start(): void {
    if (this.#needs.everyHours > 0) this.#schedule = repeat(this.#needs.clock, LOOK_MS, () => this.#makeWhenDue());
  }

  /** The backup under way, as far as it has come; null when there is none. */
  get progress(): BackupProgress | null {
    return this.#running?.progress ?? null;
  }

  /** Backups there are, newest first. */
  list(): Promise<Backup[]> {
    return listBackups(this.#needs.places.backups);
  }

  /**
   * Makes a backup, verified, and removes those beyond what is kept. Whoever asks while one is under way gets that one.
   * @throws {SidecarError} `BACKUP_FAILED` saying why, `SHUTTING_DOWN`.
   */
  async create(secrets: boolean): Promise<Backup> {
    const { places, version, clock, keep, logger } = this.#needs;
    if (this.#closing.signal.aborted) throw new SidecarError('SHUTTING_DOWN');
    if (!this.#running) {
      const request = { dataDir: places.root, into: places.backups, secrets, version, nowMs: clock.nowMs() };
      const made = backUpInThread(request, (progress) => (running.progress = progress), this.#closing.signal);
      const running = { made, progress: { step: 'copying', done: 0, total: 1 } as BackupProgress };
      this.#running = running;
    }
    const { made } = this.#running;
    try {
      const backup = await made;
      await removeOldBackups(places.backups, keep, clock.nowMs());
      logger.info({ path: backup.path, ...backup.counts }, 'backup made');
      return backup;
    } catch (cause) {
      if (this.#closing.signal.aborted) throw new SidecarError('SHUTTING_DOWN', undefined, { cause });
      logger.error({ err: cause }, 'backup failed');
      throw new SidecarError('BACKUP_FAILED', cause instanceof BackupError ? cause.message : undefined, { cause });
    } finally {
      if (this.#running?.made === made) this.#running = undefined;
    }
  }

  /** Ends a backup under way; what it wrote is removed by a later one. */
  async close(): Promise<void> {
    this.#schedule?.cancel();
    this.#closing.abort(new Error('the sidecar is stopping'));
    await this.#running?.made.catch(() => undefined);
  }

  async #makeWhenDue(): Promise<void> {
    const { clock, everyHours } = this.#needs;
    const [newest] = await this.list();
    const sinceMs = newest === undefined ? Infinity : clock.nowMs() - Date.parse(newest.created_at);
    // A clock that was set back must not mean that there is never a backup again.
    if (sinceMs >= 0 && sinceMs < everyHours * HOUR_MS) return;
    await this.create(false).catch(() => undefined);
  }
}
