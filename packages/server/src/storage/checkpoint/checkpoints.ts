import type { Worker } from 'node:worker_threads';
import type { Clock, Timer } from '../../runtime/clock.ts';
import { startThread } from '../../runtime/thread.ts';
import type { Logger } from '../../telemetry/logger.ts';

/** Asks the thread to copy what the write-ahead log holds, where that is at least so many pages. */
export interface CheckpointRequest {
  readonly minPages: number;
}

/** Answer of the thread; null: all went well. */
export interface FromCheckpointThread {
  readonly failure: string | null;
}

/** What {@link Checkpoints} needs. */
export interface CheckpointsNeeds {
  /** File of the store. */
  readonly path: string;
  /** Bytes of its write-ahead log. */
  readonly walBytes: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Pages of 4 KiB that are worth a checkpoint: few, because a commit may have to wait while the disk takes them. */
const MIN_PAGES = 250;
const MIN_WAL_BYTES = MIN_PAGES * 4096;
/** Pause between two looks at how much there is. */
const PAUSE_MS = 100;

/**
 * Copies what the write-ahead log holds into the store, in a thread of its own with a connection of its own: whoever
 * commits does not wait for it, and the event loop does not stand still. SQLite’s own checkpoints, which run inside a
 * commit, are left as a net for a log that never comes to rest. The thread starts with the first log that is worth it.
 */
export class Checkpoints {
  readonly #needs: CheckpointsNeeds;
  readonly #waiting: (() => void)[] = [];
  #thread: Worker | undefined;
  #pause: Timer | undefined;
  /** Whether there were commits since the thread was asked last. */
  #behind = false;
  #failing = false;
  #closed = false;

  constructor(needs: CheckpointsNeeds) {
    this.#needs = needs;
  }

  /** Tells that something was committed. */
  committed(): void {
    this.#behind = true;
    if (this.#closed || this.#pause || this.#waiting.length > 0) return;
    if (!this.#thread && this.#needs.walBytes() < MIN_WAL_BYTES) return;
    this.#behind = false;
    void this.#ask({ minPages: MIN_PAGES }).then(() => {
      if (this.#closed) return;
      this.#pause = this.#needs.clock.after(PAUSE_MS, () => {
        this.#pause = undefined;
        if (this.#behind) this.committed();
      });
    });
  }

  /**
   * Copies all there is now, and makes the file as small as the store. What somebody still reads stays for the next time.
   * Resolves when it was tried; a disk that refuses is logged.
   */
  async run(): Promise<void> {
    if (!this.#closed) await this.#ask({ minPages: 0 });
  }

  /** Ends the thread once it has done what it was asked for. Closing twice is once. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#pause?.cancel();
    const thread = this.#thread;
    if (!thread) return;
    const exited = new Promise((resolve) => thread.once('exit', resolve));
    thread.ref();
    thread.postMessage('close', []);
    await exited;
  }

  #ask(request: CheckpointRequest): Promise<void> {
    this.#thread ??= this.#start();
    this.#thread.postMessage(request, []);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #start(): Worker {
    const thread = startThread(ownWorker(), { name: 'checkpoint', workerData: this.#needs.path });
    // A sidecar that is done does not stay for it.
    thread.unref();
    thread.on('message', ({ failure }: FromCheckpointThread) => {
      this.#note(failure);
      this.#waiting.shift()?.();
    });
    thread.on('error', (cause) => this.#note(cause instanceof Error ? cause.message : String(cause)));
    thread.on('exit', () => {
      this.#thread = undefined;
      for (const resolve of this.#waiting.splice(0)) resolve();
    });
    return thread;
  }

  /** Says once that it does not work, until it works again. */
  #note(failure: string | null): void {
    if (failure !== null && !this.#failing)
      this.#needs.logger.warn({ reason: failure }, 'the write-ahead log cannot be copied into the store');
    this.#failing = failure !== null;
  }
}

function ownWorker(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './checkpoint-worker.js', import.meta.url);
}
