import { appendFile, rename, stat } from 'node:fs/promises';
import type { AgentOutputLine } from '@orchestration-sidecar/shared';
import type { Logger } from '../telemetry/logger.ts';

/** How much is kept. */
export interface CollectedLogOptions {
  /** Size at which a file is put aside. Default 16 MiB. */
  readonly maxBytes?: number;
  /** Files put aside that are kept. Default 4. */
  readonly keep?: number;
}

/** What may wait for the disk; lines beyond are left out and counted. */
const MAX_PENDING_CHARS = 4 * 1024 * 1024;
const MAX_TEXT_CHARS = 4096;
/** Lines of one agent that are collected within a second: a flood is read where it is written. */
const MAX_LINES_PER_SECOND = 1000;

/**
 * The output of all agents in one file of JSON lines, rotated: `agents.log`, `agents.log.1` … A disk that refuses
 * costs lines and never an agent; how many were left out stands in the log once it can be written again.
 */
export class CollectedLog {
  /** The newest of the files. */
  readonly path: string;
  /** Files put aside that are kept. */
  readonly keep: number;
  readonly #logger: Logger;
  readonly #maxBytes: number;
  #pending: string[] = [];
  #pendingChars = 0;
  #leftOut = 0;
  #second = '';
  readonly #linesOfSecond = new Map<string, number>();
  #refused = false;
  #written = Promise.withResolvers<void>();
  #writing: Promise<void> | undefined;

  constructor(path: string, logger: Logger, options: CollectedLogOptions = {}) {
    this.path = path;
    this.#logger = logger;
    this.#maxBytes = options.maxBytes ?? 16 * 1024 * 1024;
    this.keep = options.keep ?? 4;
  }

  /** Adds a line, whose secrets are blotted out already; does not wait for the disk. */
  append(line: AgentOutputLine): void {
    if (this.#pendingChars > MAX_PENDING_CHARS || this.#floods(line)) {
      this.#leftOut += 1;
      return;
    }
    const text = line.text.length > MAX_TEXT_CHARS ? `${line.text.slice(0, MAX_TEXT_CHARS)}…` : line.text;
    const written = `${JSON.stringify({ ...line, text })}\n`;
    this.#pending.push(written);
    this.#pendingChars += written.length;
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
  }

  /** Resolves when more has been written. */
  get written(): Promise<void> {
    return this.#written.promise;
  }

  /** Waits for what was added. */
  async close(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  #floods({ at, agent_id }: AgentOutputLine): boolean {
    const second = at.slice(0, 19);
    if (second !== this.#second) this.#linesOfSecond.clear();
    this.#second = second;
    const lines = (this.#linesOfSecond.get(agent_id) ?? 0) + 1;
    this.#linesOfSecond.set(agent_id, lines);
    return lines > MAX_LINES_PER_SECOND;
  }

  async #write(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0);
      this.#pendingChars = 0;
      const leftOut = this.#leftOut;
      const note = leftOut > 0 ? `${JSON.stringify({ left_out_lines: leftOut })}\n` : '';
      try {
        await this.#rotate();
        await appendFile(this.path, note + batch.join(''), { mode: 0o600 });
        this.#leftOut -= leftOut;
        this.#refused = false;
        this.#written.resolve();
        this.#written = Promise.withResolvers();
      } catch (cause) {
        this.#leftOut += batch.length;
        // Once per outage: the sidecar’s own log is likely on the same disk.
        if (!this.#refused) this.#logger.warn({ err: cause }, 'output of agents cannot be collected');
        this.#refused = true;
      }
    }
  }

  async #rotate(): Promise<void> {
    const size = await stat(this.path).then(
      (file) => file.size,
      () => 0,
    );
    if (size < this.#maxBytes) return;
    for (let index = this.keep - 1; index >= 1; index -= 1) {
      await rename(`${this.path}.${index}`, `${this.path}.${index + 1}`).catch(() => {});
    }
    await rename(this.path, `${this.path}.1`);
  }
}
