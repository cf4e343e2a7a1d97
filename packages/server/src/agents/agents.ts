import {
  LIVE_AGENT_STATES,
  SidecarError,
  type Agent,
  type AgentState,
  type AgentStatus,
  type ContextRequirement,
  type Profile,
  type ProjectBudget,
  type SpawnForecast,
} from '@orchestration-sidecar/shared';
import type { Clock } from '../runtime/clock.ts';
import { diskFault } from '../runtime/disk-fault.ts';
import { isoTime } from '../runtime/clock.ts';
import type { Ids } from '../runtime/ids.ts';
import type { Transaction, Writer } from '../storage/writer.ts';
import { readLogPage, type LogPage } from './agent-log.ts';
import { externalRecord, isAlive, type AgentRecord } from './agent-record.ts';
import type { CollectedLog } from './collected-log.ts';
import { readCollectedLog, type CollectedPage, type CollectedRequest } from './read-collected-log.ts';
import type { AgentQuery, AgentStore } from './agent-store.ts';
import { attemptFiles } from './attempt.ts';
import { callActivity } from './call-activity.ts';
import { forecastSpawn, type ForecastRequest } from './forecast.ts';
import type { Launchers } from './launchers/index.ts';
import type { LogStream } from './log-marks.ts';
import { logTail, statusOf } from './status.ts';
import type { SpawnRequest } from './spawn-request.ts';
import type { Supervisor } from './supervisor.ts';

/** What the agents need. */
export interface AgentsNeeds {
  readonly store: AgentStore;
  readonly supervisor: Supervisor;
  readonly launchers: Launchers;
  readonly collectedLog: CollectedLog;
  readonly writer: Writer;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Directory of the agents’ own directories. */
  readonly directory: string;
}

/** What an agent was started for. */
export interface Assignment {
  readonly task: string;
  readonly requirements: readonly ContextRequirement[];
}

/** A part of an agent’s output. */
export interface LogQuery {
  /** Default: the newest. */
  readonly attempt?: number | undefined;
  readonly stream: LogStream;
  readonly fromByte: number;
  readonly limit: number;
  readonly waitMs: number;
}

/** Rounds in which those that were spawned while others were being stopped are stopped as well. */
const STOP_ROUNDS = 10;

/** The running instances of agent types. */
export class Agents {
  readonly #needs: AgentsNeeds;

  constructor(needs: AgentsNeeds) {
    this.#needs = needs;
  }

  /** Starts or queues an agent, see {@link Supervisor.spawn}. */
  spawn(request: SpawnRequest): Promise<Agent> {
    return this.#needs.supervisor.spawn(request);
  }

  /** What a spawn would come to now. */
  forecast(request: ForecastRequest): Promise<SpawnForecast> {
    return forecastSpawn(request, this.#needs);
  }

  /** Stops an agent, gracefully first; answers it when it has ended. Stopping an ended one changes nothing. */
  async stop(agentId: string, reason: string): Promise<Agent> {
    await this.#needs.supervisor.stop(agentId, reason);
    return this.require(agentId);
  }

  /** Stops all agents of a project, or those among them of an issue or a type, also those they start meanwhile. */
  async stopAll(
    which: {
      readonly projectId: string;
      readonly issueId?: string | undefined;
      readonly agentType?: string | undefined;
    },
    reason: string,
  ): Promise<Agent[]> {
    const isMeant = (agent: Agent): boolean =>
      (which.issueId === undefined || agent.issue_id === which.issueId) &&
      (which.agentType === undefined || agent.agent_type === which.agentType);
    const stopped = new Set<string>();
    for (let round = 0; round < STOP_ROUNDS; round += 1) {
      const live = this.#needs.store.liveOf(which.projectId).filter(isMeant);
      if (live.length === 0) break;
      // Those that wait first: they would otherwise take the slots of those that end.
      const order = live.toSorted((a, b) => Number(b.state === 'queued') - Number(a.state === 'queued'));
      await Promise.all(order.map(({ agent_id: agentId }) => (stopped.add(agentId), this.stop(agentId, reason))));
    }
    return [...stopped].map((agentId) => this.require(agentId));
  }

  /** Registers an agent that gets a token but no process of ours. */
  async registerExternal(projectId: string, profile: Profile): Promise<Agent> {
    const { store, writer, clock, ids } = this.#needs;
    const agentId = `${profile.agent_type}-${ids.uuid()}`;
    const record = externalRecord(projectId, profile, agentId, isoTime(clock.nowMs()));
    await writer.write((transaction) => store.insert(transaction, record));
    return record.agent;
  }

  /** One agent, of whichever project. */
  find(agentId: string): Agent | undefined {
    const record = this.#needs.store.find(agentId);
    return record && this.#needs.supervisor.present(record.agent);
  }

  /**
   * The agent of an id.
   * @throws {SidecarError} `AGENT_NOT_FOUND`.
   */
  require(agentId: string): Agent {
    return this.#needs.supervisor.present(this.#record(agentId).agent);
  }

  /** Whether an agent may still act. */
  isAlive(agentId: string): boolean {
    const record = this.#needs.store.find(agentId);
    return record !== undefined && isAlive(record.agent.state);
  }

  /** What an agent was started for; undefined for one that the sidecar did not start. */
  assignmentOf(agentId: string): Assignment | undefined {
    const record = this.#needs.store.find(agentId);
    if (!record || record.agent.state === 'external') return undefined;
    return { task: record.agent.task, requirements: record.requirements };
  }

  /** Notes, within a transaction, that checks of the sidecar’s own confirmed or refuted what an agent claims. */
  confirm(transaction: Transaction, agentId: string, outcome: 'verified' | 'failed'): void {
    const record = this.#needs.store.find(agentId);
    if (record) this.#needs.store.update(transaction, { ...record, agent: { ...record.agent, outcome } });
  }

  /**
   * Takes a call of an agent as a sign of life, and a long-poll as what it waits for.
   * @returns what to call when the call is over.
   */
  noteCall(agentId: string, procedure: string, input: unknown): () => void {
    const { kind, cause } = callActivity(procedure, input);
    return this.#needs.supervisor.noteCall(agentId, kind, cause);
  }

  /**
   * One agent in full.
   * @throws {SidecarError} `AGENT_NOT_FOUND`.
   */
  async status(agentId: string): Promise<AgentStatus> {
    const { supervisor, directory } = this.#needs;
    const record = this.#record(agentId);
    const tail = await logTail(attemptFiles(directory, agentId, record.agent.attempt));
    return {
      ...statusOf(record, supervisor.handleOf(agentId), supervisor.admission.placeOf(agentId)),
      ...supervisor.present(record.agent),
      log_tail: tail,
    };
  }

  /**
   * A page of an agent’s output.
   * @throws {SidecarError} `AGENT_NOT_FOUND`.
   */
  async logs(agentId: string, query: LogQuery, signal: AbortSignal): Promise<LogPage & { attempt: number }> {
    const { supervisor, directory, clock } = this.#needs;
    const { agent } = this.#record(agentId);
    const attempt = query.attempt ?? agent.attempt;
    const files = attemptFiles(directory, agentId, attempt);
    const handle = attempt === agent.attempt && isAlive(agent.state) ? supervisor.handleOf(agentId) : undefined;
    // A newest attempt without a process is still to come.
    const isToCome = attempt >= agent.attempt && isAlive(agent.state) && handle === undefined;
    const ended = handle?.exited ?? (isToCome ? new Promise<never>(() => {}) : Promise.resolve());
    const request = { ...query, path: files[query.stream], marksFile: files.marks, ended };
    return { attempt, ...(await readLogPage(request, clock, signal)) };
  }

  /** A page of what agents wrote, all of them in one. */
  collectedLogs(request: CollectedRequest, signal: AbortSignal): Promise<CollectedPage> {
    const { collectedLog, clock } = this.#needs;
    return readCollectedLog(collectedLog, request, clock, signal);
  }

  /** A page of agents, newest first. */
  list(query: AgentQuery): { agents: Agent[]; next_cursor: string | null } {
    const page = this.#needs.store.list(query);
    return { ...page, agents: page.agents.map((agent) => this.#needs.supervisor.present(agent)) };
  }

  /** What a project’s agents use of what it may take. */
  budget(projectId: string): ProjectBudget {
    return this.#needs.supervisor.spend.budget(projectId);
  }

  /** Number of agents in any of the states. */
  count(states: readonly AgentState[]): number {
    return this.#needs.store.count(states);
  }

  /** Number of agents that run or are still to run; of those that are ours, while the store cannot be read. */
  liveCount(): number {
    try {
      return this.#needs.store.count(LIVE_AGENT_STATES);
    } catch (cause) {
      if (diskFault(cause)) return this.#needs.supervisor.admission.size;
      throw cause;
    }
  }

  /** Number of agents that run or are still to run, by agent type. */
  activeByType(): Record<string, number> {
    return this.#needs.store.countByType(LIVE_AGENT_STATES);
  }

  #record(agentId: string): AgentRecord {
    const record = this.#needs.store.find(agentId);
    if (!record) throw new SidecarError('AGENT_NOT_FOUND', `There is no agent ${agentId}.`);
    return record;
  }
}
