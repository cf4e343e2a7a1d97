import {
  LIVE_AGENT_STATES,
  SidecarError,
  type Agent,
  type AgentState,
  type ContextRequirement,
  type Profile,
} from '@orchestration-sidecar/shared';
import type { Clock } from '../runtime/clock.ts';
import { isoTime } from '../runtime/clock.ts';
import type { Ids } from '../runtime/ids.ts';
import type { Transaction, Writer } from '../storage/writer.ts';
import { isAlive } from './agent-record.ts';
import type { AgentQuery, AgentStore } from './agent-store.ts';
import type { SpawnRequest } from './spawn-request.ts';
import type { Supervisor } from './supervisor.ts';

/** What the agents need. */
export interface AgentsNeeds {
  readonly store: AgentStore;
  readonly supervisor: Supervisor;
  readonly writer: Writer;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** What an agent was started for. */
export interface Assignment {
  readonly task: string;
  readonly requirements: readonly ContextRequirement[];
}

/** The running instances of agent types. */
export class Agents {
  readonly #needs: AgentsNeeds;

  constructor(needs: AgentsNeeds) {
    this.#needs = needs;
  }

  /**
   * Starts an agent; resolves when its process runs.
   * @throws {SidecarError} `AGENT_LIMIT_REACHED`, `ENVIRONMENT_FORBIDDEN`, `LAUNCHER_UNAVAILABLE`,
   * `IDEMPOTENCY_CONFLICT`.
   */
  spawn(request: SpawnRequest): Promise<Agent> {
    return this.#needs.supervisor.spawn(request);
  }

  /** Stops an agent, gracefully first; answers it when it has ended. Stopping an ended one changes nothing. */
  async stop(agentId: string, reason: string): Promise<Agent> {
    await this.#needs.supervisor.stop(agentId, reason);
    return this.require(agentId);
  }

  /** Registers an agent that gets a token but no process of ours. */
  async registerExternal(projectId: string, profile: Profile): Promise<Agent> {
    const { store, writer, clock, ids } = this.#needs;
    const createdAt = isoTime(clock.nowMs());
    const agent: Agent = {
      agent_id: `${profile.agent_type}-${ids.uuid()}`,
      agent_type: profile.agent_type,
      issue_id: null,
      project_id: projectId,
      parent_id: null,
      task: '',
      launcher: null,
      state: 'external',
      activity: { kind: 'none', cause: 'not started by the sidecar', since: null },
      outcome: 'unknown',
      process_id: null,
      attempt: 1,
      usage: { input_tokens: null, output_tokens: null, cost_usd: null, turns: null },
      exit: null,
      permissions: profile.permissions,
      created_at: createdAt,
      started_at: null,
      ended_at: null,
    };
    await writer.write((transaction) =>
      store.insert(transaction, {
        agent,
        requirements: profile.context_requirements,
        environment: {},
        launcher: null,
        tier: profile.model.tier,
        projectDir: '',
        correlationId: agent.agent_id,
        idempotencyKey: null,
        process: null,
        protocol: 'lines',
        failures: [],
      }),
    );
    return agent;
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
    const agent = this.find(agentId);
    if (!agent) throw new SidecarError('AGENT_NOT_FOUND', `There is no agent ${agentId}.`);
    return agent;
  }

  /** Whether an agent may still act. */
  isAlive(agentId: string): boolean {
    const agent = this.find(agentId);
    return agent !== undefined && isAlive(agent.state);
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

  /** Takes a call of an agent as a sign of life; `waiting` when it waits for others. */
  noteCall(agentId: string, kind: 'working' | 'waiting', cause: string): void {
    this.#needs.supervisor.noteCall(agentId, kind, cause);
  }

  /** The last lines of an agent’s output. */
  logTail(agentId: string): Promise<string[]> {
    return this.#needs.supervisor.logTail(agentId);
  }

  /** A page of agents, newest first. */
  list(query: AgentQuery): { agents: Agent[]; next_cursor: string | null } {
    const page = this.#needs.store.list(query);
    return { ...page, agents: page.agents.map((agent) => this.#needs.supervisor.present(agent)) };
  }

  /** Number of agents in any of the states. */
  count(states: readonly AgentState[]): number {
    return this.#needs.store.count(states);
  }

  /** Number of agents that hold a slot, by agent type. */
  activeByType(): Record<string, number> {
    return this.#needs.store.countByType(LIVE_AGENT_STATES);
  }
}
