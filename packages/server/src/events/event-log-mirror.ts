import { appendFile } from 'node:fs/promises';
import { LIMITS } from '@orchestration-sidecar/shared';
import type { Clock, Timer } from '../runtime/clock.ts';
import { writeFileAtomic } from '../storage/atomic-file.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { EventLog } from './event-log.ts';

/** Pause that gathers lines into one append. */
const GATHER_MS = 100;
/** While the log is busy the file may hold this many lines: cutting it writes all of it again. */
const MAX_LINES = 2 * LIMITS.ringEvents;
/** How long nothing has come when the file is cut to the ring’s size. */
const QUIET_MS = 500;

/**
 * Mirrors the newest 10,000 events of all projects into `events/event-log.jsonl`, one JSON object a line. Written
 * after the commit and never read back (DECISIONS 1).
 */
export class EventLogMirror {
  readonly #path: string;
  readonly #log: EventLog;
  readonly #needs: { clock: Clock; logger: Logger };
  readonly #stop: () => void;
  #lines: string[] = [];
  #lineCount = 0;
  #timer: Timer | undefined;
  #quiet: Timer | undefined;
  #writing: Promise<void>;

  constructor(path: string, log: EventLog, needs: { clock: Clock; logger: Logger }) {
    this.#path = path;
    this.#log = log;
    this.#needs = needs;
    this.#stop = log.onCommit((_projectId, entries) => {
      for (const entry of entries) this.#lines.push(entry.json);
      if (this.#lines.length > MAX_LINES) this.#lines.splice(0, this.#lines.length - LIMITS.ringEvents);
      this.#timer ??= this.#needs.clock.after(GATHER_MS, () => this.#flush(MAX_LINES));
      this.#quiet?.cancel();
      this.#quiet = this.#needs.clock.after(QUIET_MS, () => this.#flush(LIMITS.ringEvents));
    });
    this.#writing = this.#guard(() => this.#rewrite());
  }

  /** Resolves when what was committed so far is in the file, and no more than the newest 10,000. */
  settled(): Promise<void> {
    this.#timer?.cancel();
    this.#quiet?.cancel();
    this.#flush(LIMITS.ringEvents);
    return this.#writing;
  }

  /** Writes what is left and stops mirroring. */
  async close(): Promise<void> {
    this.#stop();
    await this.settled();
  }

  #flush(maxLines: number): void {
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#guard(() => this.#write(maxLines)));
  }

  async #write(maxLines: number): Promise<void> {
    const lines = this.#lines.splice(0);
    if (lines.length > 0) {
      await appendFile(this.#path, `${lines.join('\n')}\n`, { mode: 0o600 });
      this.#lineCount += lines.length;
    }
    if (this.#lineCount > maxLines) await this.#rewrite();
  }

  async #rewrite(): Promise<void> {
    const lines = this.#log.newest(LIMITS.ringEvents);
    // What is on its way here is among them already.
    this.#lines = [];
    this.#lineCount = lines.length;
    await writeFileAtomic(this.#path, lines.map((line) => `${line}\n`).join(''));
  }

  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      this.#needs.logger.warn({ err: cause, path: this.#path }, 'event log mirror could not be written');
    }
  }
}
