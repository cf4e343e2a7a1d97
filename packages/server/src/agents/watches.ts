import type { Agent, AgentUsage } from '@orchestration-sidecar/shared';
import type { ChildHandle } from '../process/index.ts';
import { isoTime, type Clock } from '../runtime/clock.ts';
import type { AgentRecord } from './agent-record.ts';
import { AgentWatch, type AgentEnd } from './agent-watch.ts';
import { attemptFiles } from './attempt.ts';
import type { CollectedLog } from './collected-log.ts';
import { LogMarks } from './log-marks.ts';
import { addUsage } from './usage.ts';

/** What the watches need. */
export interface WatchesNeeds {
  readonly clock: Clock;
  readonly collectedLog: CollectedLog;
  /** Directory of the agents’ own directories. */
  readonly directory: string;
}

/** What a watch tells. */
export interface WatchListener {
  /** The process has ended and all of its output was read. Resolves when that is on record; never rejects. */
  onEnd(record: AgentRecord, end: AgentEnd): Promise<void>;
  /** The agent reported what it used so far; of all its attempts together. */
  onUsage(record: AgentRecord, usage: AgentUsage): void;
}

/** A call of an agent that is not answered yet and came before its watch: a process may be faster than its record. */
interface EarlyCall {
  readonly agentId: string;
  readonly kind: 'working' | 'waiting';
  readonly cause: string;
  over: () => void;
}

interface Watched {
  readonly watch: AgentWatch;
  readonly usageBefore: AgentUsage | undefined;
  readonly settled: Promise<void>;
}

/** The running agents, each with the watch on it. */
export class Watches {
  readonly #needs: WatchesNeeds;
  readonly #listener: WatchListener;
  readonly #watched = new Map<string, Watched>();
  readonly #early = new Set<EarlyCall>();

  constructor(needs: WatchesNeeds, listener: WatchListener) {
    this.#needs = needs;
    this.#listener = listener;
  }

  /** Watches an attempt until {@link drop} or {@link close}. */
  add(record: AgentRecord, handle: ChildHandle): void {
    const { clock, collectedLog, directory } = this.#needs;
    const { agent_id, agent_type, issue_id, project_id, attempt } = record.agent;
    const watch = new AgentWatch({
      handle,
      protocol: record.protocol,
      isResumed: record.sessionId !== undefined,
      clock,
      marks: new LogMarks(attemptFiles(directory, agent_id, attempt).marks, clock),
      onLine: (stream, text) =>
        collectedLog.append({
          at: isoTime(clock.nowMs()),
          project_id,
          agent_id,
          agent_type,
          issue_id,
          attempt,
          stream,
          text,
        }),
      onUsage: (usage) => this.#listener.onUsage(record, addUsage(record.usageBefore, usage)),
    });
    const settled = watch.ended.then((end) => this.#listener.onEnd(record, end));
    this.#watched.set(agent_id, { watch, usageBefore: record.usageBefore, settled });
    for (const call of this.#early) {
      if (call.agentId === agent_id) call.over = watch.noteCall(call.kind, call.cause);
    }
  }

  /** Forgets an agent whose end is on record. */
  drop(agentId: string): void {
    this.#watched.delete(agentId);
  }

  /** The process of a running agent. */
  handleOf(agentId: string): ChildHandle | undefined {
    return this.#watched.get(agentId)?.watch.handle;
  }

  /** Resolves when the agent’s end is on record; at once for one that is not watched. */
  settled(agentId: string): Promise<void> {
    return this.#watched.get(agentId)?.settled ?? Promise.resolve();
  }

  /** The agent with what only its watch knows; undefined: it is not watched. */
  present(agent: Agent): Agent | undefined {
    const watched = this.#watched.get(agent.agent_id);
    if (!watched) return undefined;
    const { watch, usageBefore } = watched;
    return { ...agent, activity: watch.activity, usage: addUsage(usageBefore, watch.usage) };
  }

  /** See {@link AgentWatch.noteCall}. */
  noteCall(agentId: string, kind: 'working' | 'waiting', cause: string): () => void {
    const watch = this.#watched.get(agentId)?.watch;
    if (watch) return watch.noteCall(kind, cause);
    const call: EarlyCall = { agentId, kind, cause, over: () => {} };
    this.#early.add(call);
    return () => {
      this.#early.delete(call);
      call.over();
    };
  }

  /** Stops watching; the processes go on. */
  close(): void {
    for (const { watch } of this.#watched.values()) watch.close();
  }
}
