import type { AgentActivity, AgentUsage } from '@orchestration-sidecar/shared';
import { tailFile, type ChildExit, type ChildHandle } from '../process/index.ts';
import { isoTime, type Clock } from '../runtime/clock.ts';
import { judge, outputParser, type OutputParser, type ProtocolName, type Verdict } from './launchers/index.ts';

/** An agent that neither writes nor calls for this long is reported as silent; silence is not death. */
const SILENT_AFTER_MS = 120_000;

/** How an agent ended. */
export interface AgentEnd {
  readonly exit: ChildExit;
  readonly verdict: Verdict;
  readonly usage: AgentUsage;
}

/**
 * Watches one running agent: reads its output from the beginning, so that a watch that starts after a restart knows
 * as much as one from the start.
 */
export class AgentWatch {
  readonly handle: ChildHandle;
  /** Resolves when the process has ended and its last line was read. */
  readonly ended: Promise<AgentEnd>;
  readonly #clock: Clock;
  readonly #parser: OutputParser;
  readonly #closed = new AbortController();
  #activity: { kind: 'working' | 'waiting'; cause: string; sinceMs: number };
  #lastSignMs: number;

  constructor(handle: ChildHandle, protocol: ProtocolName, clock: Clock) {
    this.handle = handle;
    this.#clock = clock;
    this.#parser = outputParser(protocol);
    this.#lastSignMs = clock.nowMs();
    this.#activity = { kind: 'working', cause: 'started', sinceMs: this.#lastSignMs };
    const reading = this.#read();
    this.ended = handle.exited.then(async (exit) => {
      await reading;
      const { report } = this.#parser;
      return { exit, verdict: judge(protocol, exit, report), usage: report.usage };
    });
  }

  /** What the agent is doing, as far as its output and its calls tell. */
  get activity(): AgentActivity {
    const { kind, cause, sinceMs } = this.#activity;
    const quietMs = this.#clock.nowMs() - this.#lastSignMs;
    if (kind === 'working' && quietMs > SILENT_AFTER_MS) {
      return {
        kind: 'silent',
        cause: `no output and no call for ${Math.floor(quietMs / 1000)} s`,
        since: isoTime(this.#lastSignMs),
      };
    }
    return { kind, cause, since: isoTime(sinceMs) };
  }

  /** What the agent used so far. */
  get usage(): AgentUsage {
    return this.#parser.report.usage;
  }

  /** Takes a call of the agent as a sign of life. */
  noteCall(kind: 'working' | 'waiting', cause: string): void {
    this.#note(kind, cause);
  }

  /** Stops reading; the process goes on. */
  close(): void {
    this.#closed.abort();
  }

  async #read(): Promise<void> {
    const { signal } = this.#closed;
    const { stdoutFile } = this.handle.record;
    for await (const line of tailFile(stdoutFile, { signal, ended: this.handle.exited })) {
      const update = this.#parser.feed(line.text);
      this.#lastSignMs = this.#clock.nowMs();
      if (update?.activity) this.#note(update.activity.kind, update.activity.cause);
    }
  }

  #note(kind: 'working' | 'waiting', cause: string): void {
    const nowMs = this.#clock.nowMs();
    this.#lastSignMs = nowMs;
    if (this.#activity.kind !== kind || this.#activity.cause !== cause)
      this.#activity = { kind, cause, sinceMs: nowMs };
  }
}
