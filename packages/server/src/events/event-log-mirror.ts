import { appendFile, readdir, rm } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { LIMITS } from '@orchestration-sidecar/shared';
import { CircuitBreakers, isCircuitOpen, type CircuitBreaker } from '../runtime/circuit-breakers.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import { TEMPORARY, writeFileAtomic } from '../storage/atomic-file.ts';
import type { MirrorFault } from '../storage/mirror-fault.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { EventLog } from './event-log.ts';

/** Pause that gathers lines into one append. */
const GATHER_MS = 100;
/** While the log is busy the file may hold this many lines: cutting it reads and writes all that is left again. */
const MAX_BUSY_LINES = 5 * LIMITS.ringEvents;
/** The same where it holds more text than this. */
const MAX_LONG_LINES = 2 * LIMITS.ringEvents;
const MAX_BUSY_CHARS = 64 * 1024 * 1024;
/** A disk may be slower than the log. */
const MAX_WAITING_LINES = 2 * LIMITS.ringEvents;
const MAX_WAITING_CHARS = 64 * 1024 * 1024;
/** How long nothing has come when the file is cut to the ring’s size. */
const QUIET_MS = 500;
/** Pause between two rewritings because of events that were removed, as a multiple of what the last one took. */
const REMOVAL_PAUSE = 20;
/** How long a disk that refused is left alone. */
const RETRY_MS = 1000;
/** When the file is written anew after a start: reading the whole ring would keep those waiting who wait for the start. */
const START_MS = 500;

/** What the mirror needs. */
export interface EventLogMirrorNeeds {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Text on its way to the file at most, in characters. Default: 64 Mi. */
  readonly maxWaitingChars?: number;
  /** Text of the file above which it is cut sooner while the log is busy, in characters. Default: 64 Mi. */
  readonly maxBusyChars?: number;
  /** Left out: one of its own. */
  readonly breaker?: CircuitBreaker;
}

/**
 * Mirrors the newest 10,000 events of all projects into `events/event-log.jsonl`, one JSON object a line. Written
 * after the commit and never read back (DECISIONS 1). Written anew soon after the start, and once the disk takes it again.
 */
export class EventLogMirror {
  readonly #path: string;
  readonly #log: EventLog;
  readonly #needs: EventLogMirrorNeeds;
  readonly #breaker: CircuitBreaker;
  readonly #stops: readonly (() => void)[];
  /** What is on its way to the file. */
  #lines: string[] = [];
  #waitingChars = 0;
  #lineCount = 0;
  /** Text of those lines. */
  #chars = 0;
  /** Row of the first line; rows before it are not in the file. */
  #firstId = 0;
  /** From which `elapsedMs` on the file shall be written anew; undefined: it holds the log but for what is on its way. */
  #rewriteAtMs: number | undefined = -Infinity;
  /** From which `elapsedMs` on it may be written anew because of events that were removed. */
  #restedAtMs = -Infinity;
  #timer: Timer | undefined;
  #quiet: Timer | undefined;
  #writing: Promise<void>;
  #closed = false;

  constructor(path: string, log: EventLog, needs: EventLogMirrorNeeds) {
    this.#path = path;
    this.#log = log;
    this.#needs = needs;
    this.#breaker = needs.breaker ?? new CircuitBreakers().around({ kind: 'event_mirror' });
    this.#stops = [
      log.onCommit((_projectId, entries) => {
        for (const { json } of entries) this.#add(json);
        this.#timer ??= this.#needs.clock.after(GATHER_MS, () => this.#flush('busy'));
        this.#whenQuiet(QUIET_MS);
      }),
      log.onRemoval((ids) => {
        if (ids.every((id) => id < this.#firstId)) return;
        this.#rewriteAtMs ??= this.#restedAtMs;
        this.#whenQuiet(QUIET_MS);
      }),
    ];
    this.#writing = this.#guard(() => this.#removeUnfinished());
    // What is committed until then waits in memory for it, too: nothing may be added to a file that lacks what came before.
    this.#timer = needs.clock.after(START_MS, () => this.#flush('quiet'));
  }

  /** Resolves when what was committed so far is in the file, and no more than the newest 10,000. */
  settled(): Promise<void> {
    this.#timer?.cancel();
    this.#quiet?.cancel();
    if (this.#rewriteAtMs !== undefined) this.#rewriteAtMs = -Infinity;
    this.#flush('quiet');
    return this.#writing;
  }

  /**
   * Compares the file with the store, after what is on its way has been written.
   * @param repair also writes it anew where it differs.
   */
  async compare(repair: boolean): Promise<MirrorFault[]> {
    const found = this.settled().then(async () => {
      const [expected, actual] = await Promise.all([this.#hashOfLog(), hashOfFile(this.#path)]);
      if (expected === actual) return [];
      if (repair) await this.#rewrite();
      const path = join(basename(dirname(this.#path)), basename(this.#path));
      return [{ path, fault: actual === undefined ? ('missing' as const) : ('different' as const) }];
    });
    this.#writing = found.then(
      () => undefined,
      () => undefined,
    );
    return found;
  }

  /** Writes what is left and stops mirroring. */
  async close(): Promise<void> {
    for (const stop of this.#stops) stop();
    this.#closed = true;
    await this.settled();
    this.#quiet?.cancel();
  }

  #add(line: string): void {
    this.#lines.push(line);
    this.#waitingChars += line.length;
    const { maxWaitingChars = MAX_WAITING_CHARS } = this.#needs;
    if (this.#lines.length <= MAX_WAITING_LINES && this.#waitingChars <= maxWaitingChars) return;
    // The log has them: once it is quiet, the file is written anew from there.
    this.#take();
    this.#rewriteAtMs ??= this.#restedAtMs;
  }

  /** Takes what is on its way. */
  #take(): string[] {
    this.#waitingChars = 0;
    return this.#lines.splice(0);
  }

  #whenQuiet(delayMs: number): void {
    this.#quiet?.cancel();
    this.#quiet = this.#needs.clock.after(delayMs, () => this.#flush('quiet'));
  }

  #flush(log: 'busy' | 'quiet'): void {
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#guard(() => this.#write(log)));
  }

  async #write(log: 'busy' | 'quiet'): Promise<void> {
    if (this.#rewriteAtMs !== undefined && log === 'quiet') {
      const waitMs = this.#rewriteAtMs - this.#needs.clock.elapsedMs();
      if (waitMs <= 0) return this.#rewrite();
      this.#whenQuiet(waitMs);
    }
    const lines = this.#take();
    if (lines.length > 0) {
      const text = `${lines.join('\n')}\n`;
      await appendFile(this.#path, text, { mode: 0o600 });
      this.#lineCount += lines.length;
      this.#chars += text.length;
    }
    const maxLines = log === 'quiet' ? LIMITS.ringEvents : this.#maxBusyLines();
    if (this.#lineCount > maxLines) await this.#rewrite();
  }

  #maxBusyLines(): number {
    const { maxBusyChars = MAX_BUSY_CHARS } = this.#needs;
    return this.#chars > maxBusyChars ? MAX_LONG_LINES : MAX_BUSY_LINES;
  }

  async #rewrite(): Promise<void> {
    this.#rewriteAtMs = undefined;
    this.#lineCount = 0;
    this.#chars = 0;
    const startedMs = performance.now();
    await writeFileAtomic(this.#path, this.#text()).catch((cause: unknown) => {
      this.#rewriteLater();
      throw cause;
    });
    this.#restedAtMs = this.#needs.clock.elapsedMs() + REMOVAL_PAUSE * (performance.now() - startedMs);
    if (this.#lineCount > LIMITS.ringEvents) this.#whenQuiet(QUIET_MS);
  }

  async *#text(): AsyncGenerator<string, void, void> {
    // What is on its way here is in the log, and so in this page or a later one.
    this.#take();
    this.#firstId = this.#log.firstOfNewest(LIMITS.ringEvents);
    for (const texts of this.#log.textsFrom(this.#firstId)) {
      this.#take();
      const text = `${texts.join('\n')}\n`;
      this.#lineCount += texts.length;
      this.#chars += text.length;
      yield text;
    }
  }

  /** Hash of what the file should hold: as many events as it has lines; later ones are on their way. */
  async #hashOfLog(): Promise<string> {
    const hash = createHash('sha256');
    let left = this.#lineCount;
    for (const texts of this.#log.textsFrom(this.#firstId)) {
      for (const text of texts.slice(0, left)) hash.update(`${text}\n`);
      left -= Math.min(left, texts.length);
      if (left === 0) break;
      await new Promise(setImmediate);
    }
    return hash.digest('hex');
  }

  /** What a killed process was writing. */
  async #removeUnfinished(): Promise<void> {
    const directory = dirname(this.#path);
    for (const name of await readdir(directory)) if (name.endsWith(TEMPORARY)) await rm(join(directory, name));
  }

  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await this.#breaker.run(work);
    } catch (cause) {
      // That it is left alone has been said when the breaker opened.
      if (!isCircuitOpen(cause)) {
        this.#needs.logger.warn({ err: cause, path: this.#path }, 'event log mirror could not be written');
      }
      this.#rewriteLater();
    }
  }

  /** Nothing is known of the file any more: it is written anew, once the disk has been left alone for a while. */
  #rewriteLater(): void {
    this.#rewriteAtMs = -Infinity;
    if (!this.#closed) this.#whenQuiet(RETRY_MS);
  }
}

/** Hash of a file’s bytes; undefined where there is none. */
async function hashOfFile(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash);
    return hash.digest('hex');
  } catch {
    return undefined;
  }
}
