import type { AgentActivity, AgentUsage, ResultBody } from '@orchestration-sidecar/shared';
import { tailFile, type ChildExit, type ChildHandle } from '../process/index.ts';
import { isoTime, type Clock } from '../runtime/clock.ts';
import { SecretLines } from '../telemetry/redact-secrets.ts';
import { judge, outputParser, type OutputParser, type ProtocolName, type Verdict } from './launchers/index.ts';
import type { LogMarks, LogStream } from './log-marks.ts';

/** An agent that neither writes nor calls for this long is reported as silent; silence is not death. */
const SILENT_AFTER_MS = 120_000;

/** How an agent ended. */
export interface AgentEnd {
  readonly exit: ChildExit;
  readonly verdict: Verdict;
  readonly usage: AgentUsage;
  /** The result it ended with on its output; null: none. */
  readonly result: ResultBody | null;
  /** Session that its program began or went on with; null: it came to none. */
  readonly sessionId: string | null;
}

/** What a watch needs. */
export interface AgentWatchNeeds {
  readonly handle: ChildHandle;
  readonly protocol: ProtocolName;
  /** Whether it is to go on with an earlier session. */
  readonly isResumed: boolean;
  readonly clock: Clock;
  readonly marks: LogMarks;
  /** Told of every line that was not read before, also not by an earlier sidecar; its secrets are blotted out. */
  readonly onLine: (stream: LogStream, text: string) => void;
  /** Told of the use so far whenever the agent reports it. */
  readonly onUsage: (usage: AgentUsage) => void;
}

/**
 * Watches one running agent: reads its output from the beginning, so that a watch that starts after a restart knows
 * as much as one from the start.
 */
export class AgentWatch {
  readonly handle: ChildHandle;
  /** Resolves when the process has ended and its last line was read; never after {@link close}. */
  readonly ended: Promise<AgentEnd>;
  readonly #needs: AgentWatchNeeds;
  readonly #parser: OutputParser;
  readonly #closed = new AbortController();
  readonly #calls = new Map<symbol, string>();
  #activity: { kind: 'working' | 'waiting'; cause: string; sinceMs: number };
  /** `elapsedMs` of the last sign of life. */
  #lastSignMs: number;

  constructor(needs: AgentWatchNeeds) {
    const { handle, protocol, isResumed, clock, marks } = needs;
    this.#needs = needs;
    this.handle = handle;
    this.#parser = outputParser(protocol);
    this.#lastSignMs = clock.elapsedMs();
    this.#activity = { kind: 'working', cause: 'started', sinceMs: clock.nowMs() };
    const reading = Promise.allSettled([this.#read('stdout'), this.#read('stderr')]).then(() => marks.close());
    this.ended = Promise.all([handle.exited, reading]).then(([exit]) => {
      // Cut off in the middle, it cannot tell how the agent ended; whoever adopts it can.
      if (this.#closed.signal.aborted) return new Promise<never>(() => {});
      const { report } = this.#parser;
      const { usage, result, sessionId } = report;
      return { exit, verdict: judge(protocol, exit, report, isResumed), usage, result, sessionId };
    });
  }

  /** What the agent is doing, as far as its output and its calls tell. */
  get activity(): AgentActivity {
    const { kind, cause, sinceMs } = this.#activity;
    const { clock } = this.#needs;
    const quietMs = clock.elapsedMs() - this.#lastSignMs;
    if (this.#calls.size === 0 && quietMs > SILENT_AFTER_MS) {
      return {
        kind: 'silent',
        cause: `no output and no call for ${Math.floor(quietMs / 1000)} s; before that: ${cause}`,
        since: isoTime(clock.nowMs() - quietMs),
      };
    }
    return { kind, cause, since: isoTime(sinceMs) };
  }

  /** What the agent used so far. */
  get usage(): AgentUsage {
    return this.#parser.report.usage;
  }

  /**
   * Takes a call of the agent as a sign of life. A waiting one is what the agent does until it is answered.
   * @returns what to call when it is.
   */
  noteCall(kind: 'working' | 'waiting', cause: string): () => void {
    const call = Symbol(cause);
    this.#calls.set(call, cause);
    this.#note(kind, cause);
    return () => {
      this.#calls.delete(call);
      if (kind === 'working') this.#lastSignMs = this.#needs.clock.elapsedMs();
      else if (this.#activity.cause === cause && ![...this.#calls.values()].includes(cause)) {
        this.#note('working', cause.replace(/^waits/, 'waited'));
      }
    };
  }

  /** Stops reading; the process goes on. */
  close(): void {
    this.#closed.abort();
  }

  async #read(stream: LogStream): Promise<void> {
    const { marks, onLine, onUsage, clock } = this.#needs;
    const { stdoutFile, stderrFile } = this.handle.record;
    const path = stream === 'stdout' ? stdoutFile : stderrFile;
    const secrets = new SecretLines();
    for await (const line of tailFile(path, { signal: this.#closed.signal, ended: this.handle.exited })) {
      const shown = secrets.redact(line.text);
      if (marks.note(stream, line.nextByte)) onLine(stream, shown);
      this.#lastSignMs = clock.elapsedMs();
      if (stream === 'stderr') continue;
      const update = this.#parser.feed(line.text);
      if (update?.activity) this.#note(update.activity.kind, update.activity.cause);
      if (update?.usage) onUsage(update.usage);
    }
  }

  #note(kind: 'working' | 'waiting', cause: string): void {
    const { clock } = this.#needs;
    this.#lastSignMs = clock.elapsedMs();
    if (this.#activity.kind !== kind || this.#activity.cause !== cause)
      this.#activity = { kind, cause, sinceMs: clock.nowMs() };
  }
}
