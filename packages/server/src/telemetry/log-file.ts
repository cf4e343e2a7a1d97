import { closeSync, mkdirSync, openSync, readdirSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pino } from 'pino';

/** When a log file is put aside, and for how long it is kept. */
export interface LogRotation {
  /** Size that a file does not pass, but for one line that is longer by itself. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  /** Files put aside that are kept at most, and for how long. */
  readonly keep: number;
  readonly retentionMs: number;
}

/** What may wait for the disk; lines beyond are left out. */
const MAX_PENDING_BYTES = 4 * 1024 * 1024;

type Target = ReturnType<typeof pino.destination>;

/**
 * A log in one file and those put aside: `sidecar.log`, `sidecar.log.1` (the newest) … Writing does not wait for the
 * disk, and a disk that refuses costs lines, never the sidecar.
 */
export class LogFile {
  readonly #path: string;
  readonly #rotation: LogRotation;
  readonly #nowMs: () => number;
  #target: Target;
  /** Files put aside that are still written. */
  readonly #closing = new Set<Promise<void>>();
  #bytes: number;
  #bornMs: number;
  #closed = false;

  constructor(path: string, rotation: LogRotation, nowMs: () => number) {
    this.#path = path;
    this.#rotation = rotation;
    this.#nowMs = nowMs;
    const found = statSync(path, { throwIfNoEntry: false });
    this.#bytes = found?.size ?? 0;
    this.#bornMs = found && found.size > 0 ? found.birthtimeMs : nowMs();
    mkdirSync(dirname(path), { recursive: true });
    this.#target = openTarget(path);
    if (found && found.size > 0 && !endsLine(path, found.size)) this.#target.write('\n');
    this.keepUp();
  }

  /** Adds a line, with its line feed. One that comes after the end is left out. */
  write(line: string): void {
    if (this.#closed) return;
    const bytes = Buffer.byteLength(line);
    if (this.#bytes > 0 && (this.#bytes + bytes > this.#rotation.maxBytes || this.#isOld())) this.#rotate();
    this.#bytes += bytes;
    this.#target.write(line);
  }

  /** Puts the file aside when it is old, also where nothing is written, and deletes those that were kept long enough. */
  keepUp(): void {
    if (this.#closed) return;
    if (this.#bytes > 0 && this.#isOld()) this.#rotate();
    try {
      this.#forget();
    } catch {
      // Kept until the disk lets go of them.
    }
  }

  #forget(): void {
    const { keep, retentionMs } = this.#rotation;
    for (const { path, index } of this.#aside()) {
      const found = statSync(path, { throwIfNoEntry: false });
      if (index > keep || (found && this.#nowMs() - found.mtimeMs > retentionMs)) rmSync(path, { force: true });
    }
  }

  /** Writes what is left. Closing twice is once. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([...this.#closing, closeTarget(this.#target)]);
  }

  #isOld(): boolean {
    return this.#nowMs() - this.#bornMs >= this.#rotation.maxAgeMs;
  }

  #rotate(): void {
    // Also after a failure: the next try comes with the next size or age, not with the next line.
    this.#bytes = 0;
    this.#bornMs = this.#nowMs();
    try {
      for (const { path, index } of this.#aside().toSorted((one, other) => other.index - one.index)) {
        if (index >= this.#rotation.keep) rmSync(path, { force: true });
        else renameSync(path, `${this.#path}.${index + 1}`);
      }
      renameSync(this.#path, `${this.#path}.1`);
      // What waits for the disk still goes into the file put aside.
      const former = this.#target;
      this.#target = openTarget(this.#path);
      const closing = closeTarget(former).finally(() => this.#closing.delete(closing));
      this.#closing.add(closing);
    } catch {
      // The log stays where it is.
    }
  }

  #aside(): { path: string; index: number }[] {
    const prefix = `${basename(this.#path)}.`;
    const directory = dirname(this.#path);
    return readdirSync(directory)
      .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
      .map((name) => ({ path: join(directory, name), index: Number(name.slice(prefix.length)) }));
  }
}

/** Whether the last line was finished; a process that was killed while its disk was full leaves half of one. */
function endsLine(path: string, bytes: number): boolean {
  const file = openSync(path, 'r');
  try {
    const last = Buffer.alloc(1);
    readSync(file, last, 0, 1, bytes - 1);
    return last.toString() === '\n';
  } finally {
    closeSync(file);
  }
}

function openTarget(path: string): Target {
  // Open at once, so that it can be put aside before the first line is on disk.
  const target = pino.destination({ dest: openSync(path, 'a', 0o600), sync: false, maxLength: MAX_PENDING_BYTES });
  target.on('error', () => {});
  return target;
}

function closeTarget(target: Target): Promise<void> {
  return new Promise((resolve) => {
    target.once('close', resolve);
    target.once('error', () => {
      // Left open, it would be written at the exit of the process, which then tries for as long as the disk refuses.
      target.destroy();
      resolve();
    });
    target.end();
  });
}
