import { readFileSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import type { Clock, Timer } from '../runtime/clock.ts';

/** One of an agent’s two outputs. */
export type LogStream = 'stdout' | 'stderr';

/** Output up to a byte had been read at a time. */
interface Mark {
  readonly atMs: number;
  readonly byte: number;
}

/** Lines that were read within this time share a mark. */
const GRAIN_MS = 100;

/**
 * Notes when which part of an agent’s output was read: the agent writes its files itself, and they hold no times. A
 * mark that cannot be written (the disk is full) is left out; its lines then have the time of the next one.
 */
export class LogMarks {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #written: Record<LogStream, Mark>;
  readonly #pending: Partial<Record<LogStream, Mark>> = {};
  #writing: Promise<unknown> = Promise.resolve();
  #flush: Timer | undefined;

  /** Goes on where an earlier sidecar stopped. */
  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
    const known = parseMarks(readText(path));
    const last = (stream: LogStream): Mark => known[stream].at(-1) ?? { atMs: 0, byte: 0 };
    this.#written = { stdout: last('stdout'), stderr: last('stderr') };
  }

  /**
   * Notes that a stream was read up to a byte.
   * @returns whether it had not been before.
   */
  note(stream: LogStream, byte: number): boolean {
    if (byte <= this.#written[stream].byte) return false;
    const now = { atMs: this.#clock.nowMs(), byte };
    const pending = this.#pending[stream];
    if (pending && now.atMs - pending.atMs >= GRAIN_MS) this.#write(stream, pending);
    if (now.atMs - this.#written[stream].atMs >= GRAIN_MS) this.#write(stream, now);
    else this.#pending[stream] = now;
    this.#flush ??= this.#clock.after(GRAIN_MS, () => this.#writePending());
    return true;
  }

  /** Writes what is still to be written. */
  async close(): Promise<void> {
    this.#writePending();
    await this.#writing;
  }

  #writePending(): void {
    this.#flush?.cancel();
    this.#flush = undefined;
    for (const stream of ['stdout', 'stderr'] as const) {
      const pending = this.#pending[stream];
      if (pending) this.#write(stream, pending);
    }
  }

  #write(stream: LogStream, mark: Mark): void {
    delete this.#pending[stream];
    this.#written[stream] = mark;
    const line = `${stream} ${mark.byte} ${mark.atMs}\n`;
    this.#writing = this.#writing.then(() => appendFile(this.#path, line, { mode: 0o600 })).catch(() => {});
  }
}

/** Reads when each byte of a stream was read: answers the time in milliseconds, or null where it is not known. */
export async function readMarks(path: string, stream: LogStream): Promise<(endByte: number) => number | null> {
  const marks = parseMarks(await readFile(path, 'utf8').catch(() => ''))[stream];
  return (endByte) => {
    let [from, to] = [0, marks.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((marks[middle]?.byte ?? 0) < endByte) from = middle + 1;
      else to = middle;
    }
    return marks[from]?.atMs ?? null;
  };
}

function parseMarks(text: string): Record<LogStream, Mark[]> {
  const marks: Record<LogStream, Mark[]> = { stdout: [], stderr: [] };
  for (const line of text.split('\n')) {
    const [, stream, byte, atMs] = /^(stdout|stderr) (\d+) (\d+)$/.exec(line) ?? [];
    if (stream === 'stdout' || stream === 'stderr') marks[stream].push({ byte: Number(byte), atMs: Number(atMs) });
  }
  return marks;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
