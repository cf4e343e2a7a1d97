import { watch } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** One line of a file. */
export interface TailedLine {
  /** Text without its line ending; bytes that are not UTF-8 come as U+FFFD. */
  readonly text: string;
  /** Whether the line was longer than `maxLineBytes` and its end is left out. */
  readonly cut: boolean;
  /** Position after the line: where to go on from. */
  readonly nextByte: number;
}

/** How a file is followed. */
export interface TailOptions {
  /** First byte to read. Default 0. A position beyond the end of a file that was cut starts over. */
  readonly fromByte?: number;
  /** Longest line kept, in bytes. Default 1 MiB. */
  readonly maxLineBytes?: number;
  /** Ends the iteration when aborted; what was not read yet is left. */
  readonly signal: AbortSignal;
  /** Settles when nobody writes any more: the iteration ends after the last byte. Default: never. */
  readonly ended?: Promise<unknown>;
}

const CHUNK_BYTES = 64 * 1024;
/** Looks at the file this often although the system tells of changes: not every file system does. */
const IDLE_MS = 500;
const NEWLINE = 0x0a;

/** Follows a growing file line by line, with bounded memory. A file that does not exist yet is waited for. */
export async function* tailFile(path: string, options: TailOptions): AsyncGenerator<TailedLine, void, undefined> {
  const { signal, maxLineBytes = 1024 * 1024 } = options;
  const bell = new Bell(signal);
  let ended = false;
  void options.ended?.then(
    () => ((ended = true), bell.ring()),
    () => ((ended = true), bell.ring()),
  );
  const line = new LineBuffer(maxLineBytes);
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let position = options.fromByte ?? 0;
  let file: FileHandle | undefined;
  try {
    while (!signal.aborted) {
      // Asked before reading: what was written before the end is then certainly read.
      const last = ended;
      if (file === undefined) {
        file = await open(path, 'r').catch(() => undefined);
        if (file !== undefined) bell.watch(path);
      }
      const bytesRead = file === undefined ? 0 : (await file.read(chunk, 0, CHUNK_BYTES, position)).bytesRead;
      if (bytesRead === 0) {
        if (file !== undefined && (await file.stat()).size < position) {
          position = 0;
          line.clear();
          continue;
        }
        if (last) break;
        await bell.wait(IDLE_MS);
        continue;
      }
      const read = chunk.subarray(0, bytesRead);
      let start = 0;
      for (let end = read.indexOf(NEWLINE); end >= 0; end = read.indexOf(NEWLINE, start)) {
        line.add(read.subarray(start, end));
        start = end + 1;
        yield { ...line.take(), nextByte: position + start };
        if (signal.aborted) return;
      }
      line.add(read.subarray(start));
      position += bytesRead;
    }
    if (!signal.aborted && !line.empty) yield { ...line.take(), nextByte: position };
  } finally {
    bell.close();
    await file?.close();
  }
}

/**
 * Last lines of a file, oldest first; none when there is no such file.
 * @param maxBytes how far back to look at most. Default 64 KiB.
 */
export async function lastLines(path: string, count: number, maxBytes = 64 * 1024): Promise<string[]> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return [];
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - maxBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(size, maxBytes)), 0, undefined, start);
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
    if (lines.at(-1) === '') lines.pop();
    // The first of them begins somewhere in a line, unless it is the beginning of the file.
    if (start > 0 && lines.length > 1) lines.shift();
    return lines.slice(-count);
  } finally {
    await file.close();
  }
}

/** Gathers one line and forgets what goes beyond its bound. */
class LineBuffer {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #bytes = 0;
  #cut = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get empty(): boolean {
    return this.#bytes === 0 && !this.#cut;
  }

  add(part: Buffer): void {
    const room = this.#maxBytes - this.#bytes;
    if (part.length > room) this.#cut = true;
    const kept = part.subarray(0, room);
    if (kept.length === 0) return;
    // Copied: the chunk it points into is read into again.
    this.#parts.push(Buffer.from(kept));
    this.#bytes += kept.length;
  }

  take(): { text: string; cut: boolean } {
    const text = Buffer.concat(this.#parts).toString('utf8');
    const cut = this.#cut;
    this.clear();
    return { text: text.endsWith('\r') ? text.slice(0, -1) : text, cut };
  }

  clear(): void {
    this.#parts = [];
    this.#bytes = 0;
    this.#cut = false;
  }
}

/** Wakes one sleeper: on a change of the file, on abort, when rung, or when its time is over. */
class Bell {
  readonly #signal: AbortSignal;
  #watcher: ReturnType<typeof watch> | undefined;
  #rung = false;
  #wake: (() => void) | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', this.ring);
  }

  readonly ring = (): void => {
    this.#rung = true;
    this.#wake?.();
  };

  watch(path: string): void {
    try {
      this.#watcher = watch(path, { persistent: false }, this.ring);
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      // No watch to be had (a limit of the system, a file system without): the idle look does it.
    }
  }

  async wait(ms: number): Promise<void> {
    if (!this.#rung && !this.#signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, ms);
      this.#wake = resolve;
      await promise;
      clearTimeout(timer);
      this.#wake = undefined;
    }
    this.#rung = false;
  }

  close(): void {
    this.#watcher?.close();
    this.#signal.removeEventListener('abort', this.ring);
  }
}
