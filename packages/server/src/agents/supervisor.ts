import {
  LIVE_AGENT_STATES,
  SidecarError,
  type Agent,
  type AgentState,
  type Profile,
} from '@orchestration-sidecar/shared';
import type { EventBus, Subscribers } from '../events/index.ts';
import { lastLines } from '../process/index.ts';
import { isoTime, type Clock, type Timer } from '../runtime/clock.ts';
import { once } from '../storage/idempotency.ts';
import type { Transaction, Writer } from '../storage/writer.ts';
import type { Logger } from '../telemetry/logger.ts';
import { isAlive, type AgentRecord } from './agent-record.ts';
import type { AgentStore } from './agent-store.ts';
import { AgentWatch, type AgentEnd } from './agent-watch.ts';
import { attemptFiles, startAttempt, type AttemptNeeds } from './attempt.ts';
import { assertEnvironmentAllowed } from './environment.ts';
import type { Failure } from './launchers/index.ts';
import {
  completed,
  escalated,
  failedForGood,
  failureOf,
  retrying,
  running,
  stopped,
  stopping,
  type AgentEvent,
} from './life-cycle.ts';
import { redactTokens } from './redact-tokens.ts';
import { retryDelayMs } from './retry.ts';
import type { SpawnRequest } from './spawn-request.ts';

/** What the supervisor needs. */
export interface SupervisorNeeds extends AttemptNeeds {
  readonly store: AgentStore;
  readonly events: EventBus;
  readonly subscribers: Subscribers;
  readonly writer: Writer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly profiles: { get(agentType: string): Profile | undefined };
  /** Agents alive at once. */
  readonly maxAgents: number;
}

const ASK_MS = 2000;
const TERM_MS = 5000;
const TAIL_LINES = 50;

/**
 * Starts, watches, retries and stops agents. What the store says about an agent changes only together with the event
 * that tells of it; processes outlive the supervisor and are adopted by the next one.
 */
export class Supervisor {
  readonly #needs: SupervisorNeeds;
  readonly #watches = new Map<string, { readonly watch: AgentWatch; readonly settled: Promise<void> }>();
  readonly #starting = new Map<string, Promise<Agent>>();
  readonly #retries = new Map<string, Timer>();
  readonly #stopReasons = new Map<string, string>();
  /** Ends being written; a running agent’s is not among them. */
  readonly #settling = new Set<Promise<void>>();
  #closed = false;

  constructor(needs: SupervisorNeeds) {
    this.#needs = needs;
  }

  /**
   * Starts an agent; resolves when its process runs.
   * @throws {SidecarError} `ENVIRONMENT_FORBIDDEN`, `LAUNCHER_UNAVAILABLE`, `AGENT_LIMIT_REACHED`,
   * `IDEMPOTENCY_CONFLICT`, `SHUTTING_DOWN`.
   */
  async spawn(request: SpawnRequest): Promise<Agent> {
    const { launchers, writer, ids, clock } = this.#needs;
    if (this.#closed) throw new SidecarError('SHUTTING_DOWN');
    assertEnvironmentAllowed(request.environment);
    await launchers.locate(request.launcher, request.project.root);
    const record = newRecord(request, `${request.profile.agent_type}-${ids.uuid()}`, isoTime(clock.nowMs()));
    const own = record.agent.agent_id;
    const agentId = await writer.write((transaction) =>
      once(transaction, this.#keyed(request), () => {
        this.#admit(transaction, record, request.profile);
        return own;
      }),
    );
    if (agentId !== own) return this.#starting.get(agentId) ?? this.#require(agentId).agent;
    const starting = this.#start(record, request.profile).finally(() => this.#starting.delete(agentId));
    this.#starting.set(agentId, starting);
    return starting;
  }

  /** Stops an agent and resolves when it has ended. Stopping an ended one changes nothing. */
  async stop(agentId: string, reason: string): Promise<void> {
    await this.#starting.get(agentId)?.catch(() => {});
    const record = this.#require(agentId);
    if (!isAlive(record.agent.state)) return;
    const watched = this.#watches.get(agentId);
    if (watched) {
      this.#stopReasons.set(agentId, this.#stopReasons.get(agentId) ?? reason);
      await this.#needs.writer.write((transaction) =>
        this.#needs.store.update(transaction, stopping(this.#require(agentId))),
      );
      await watched.watch.handle.stop({ askMs: ASK_MS, termMs: TERM_MS });
      return watched.settled;
    }
    this.#retries.get(agentId)?.cancel();
    this.#retries.delete(agentId);
    await this.#settle(stopped(record, reason, null, this.#now()));
  }

  /** The last lines of an agent’s output and errors, tokens blotted out. */
  async logTail(agentId: string): Promise<string[]> {
    const { agent } = this.#require(agentId);
    const { stdout, stderr } = attemptFiles(this.#needs.directory, agentId, agent.attempt);
    const lines = [...(await lastLines(stdout, TAIL_LINES)), ...(await lastLines(stderr, TAIL_LINES))];
    return lines.slice(-TAIL_LINES).map(redactTokens);
  }

  /** Adds what only the watch knows to what the store says of an agent. */
  present(agent: Agent): Agent {
    const watch = this.#watches.get(agent.agent_id)?.watch;
    return watch ? { ...agent, activity: watch.activity, usage: watch.usage } : agent;
  }

  /** Takes a call of a watched agent as a sign of life. */
  noteCall(agentId: string, kind: 'working' | 'waiting', cause: string): void {
    this.#watches.get(agentId)?.watch.noteCall(kind, cause);
  }

  /**
   * Settles what an earlier sidecar left: running processes are adopted, ended ones get their real exit, half-done
   * starts are undone and, where attempts are left, tried again.
   */
  async recover(): Promise<void> {
    const { store, processes, logger } = this.#needs;
    for (const record of store.inStates(LIVE_AGENT_STATES)) {
      const agentId = record.agent.agent_id;
      if (record.process) {
        if (record.agent.state === 'stopping') this.#stopReasons.set(agentId, 'stopped on request');
        const watch = this.#watch(record, await processes.adopt(record.process));
        if (record.agent.state === 'stopping') void watch.handle.stop({ askMs: ASK_MS, termMs: TERM_MS });
        logger.info({ agent_id: agentId, pid: watch.handle.pid }, 'agent adopted');
        continue;
      }
      const left = await processes.sweep(agentId);
      if (record.agent.state === 'queued') {
        this.#retryLater(record, 0);
        continue;
      }
      logger.warn({ agent_id: agentId, processes: left }, 'half-done start undone');
      await this.#fail(
        record,
        { reason: 'lost', detail: 'the sidecar ended while it started the agent', retryable: true },
        null,
      );
    }
  }

  /** Stops watching. Agents go on and are adopted by the next sidecar. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#retries.values()) timer.cancel();
    await Promise.allSettled(this.#starting.values());
    for (const { watch } of this.#watches.values()) watch.close();
    await Promise.allSettled(this.#settling);
  }

  #admit(transaction: Transaction, record: AgentRecord, profile: Profile): void {
    const { store, subscribers, maxAgents, clock } = this.#needs;
    const live = store.count(LIVE_AGENT_STATES);
    if (live >= maxAgents) {
      throw new SidecarError('AGENT_LIMIT_REACHED', `${live} of ${maxAgents} agent slots are taken.`);
    }
    const { agent } = record;
    store.insert(transaction, record);
    // Kept from now on, so that what is published before the agent connects still reaches it (DECISIONS 13).
    subscribers.keep(
      transaction,
      {
        projectId: agent.project_id,
        name: agent.agent_id,
        agentType: agent.agent_type,
        interests: profile.event_subscriptions,
      },
      clock.nowMs(),
    );
  }

  async #start(record: AgentRecord, profile: Profile): Promise<Agent> {
    try {
      const { handle, protocol } = await startAttempt(record, profile, this.#needs);
      const step = running(record, handle, protocol, this.#now());
      await this.#write(step.record, [step.event]);
      this.#watch(step.record, handle);
      return this.present(step.record.agent);
    } catch (cause) {
      const detail = cause instanceof SidecarError ? cause.detail : 'the agent could not be prepared';
      const retryable = !(cause instanceof SidecarError) || cause.retryable;
      if (!(cause instanceof SidecarError))
        this.#needs.logger.error({ err: cause, agent_id: record.agent.agent_id }, 'agent could not be started');
      await this.#needs.processes.sweep(record.agent.agent_id);
      await this.#settle(failedForGood(record, { reason: 'not_started', detail, retryable }, null, this.#now()));
      throw cause;
    }
  }

  #watch(record: AgentRecord, handle: AgentWatch['handle']): AgentWatch {
    const watch = new AgentWatch(handle, record.protocol, this.#needs.clock);
    const agentId = record.agent.agent_id;
    const settled = watch.ended.then(async (end) => {
      const settling = this.#ended(agentId, end).catch((cause: unknown) =>
        this.#needs.logger.error({ err: cause, agent_id: agentId }, 'agent could not be settled'),
      );
      this.#settling.add(settling);
      await settling;
      this.#settling.delete(settling);
    });
    this.#watches.set(agentId, { watch, settled });
    return watch;
  }

  async #ended(agentId: string, end: AgentEnd): Promise<void> {
    this.#watches.delete(agentId);
    const record = this.#require(agentId);
    const reason = this.#stopReasons.get(agentId);
    this.#stopReasons.delete(agentId);
    if (reason !== undefined) return this.#settle(stopped(record, reason, end, this.#now()));
    const failure = failureOf(end.verdict);
    if (failure) return this.#fail(record, failure, end);
    return this.#settle(completed(record, end, this.#now()));
  }

  async #fail(record: AgentRecord, failure: Failure & { retryable: boolean }, end: AgentEnd | null): Promise<void> {
    const { agent } = record;
    const profile = this.#needs.profiles.get(agent.agent_type);
    const retriesLeft = (profile?.limits.max_retries ?? 0) - (agent.attempt - 1);
    if (!failure.retryable || retriesLeft <= 0) return this.#settle(failedForGood(record, failure, end, this.#now()));
    const delayMs = retryDelayMs(agent.attempt + 1, this.#needs.random);
    const step = retrying(record, failure, end, this.#now(), delayMs);
    await this.#write(step.record, [step.event]);
    await this.#needs.tokens.revokeAgent(agent.agent_id);
    this.#retryLater(step.record, delayMs);
  }

  #retryLater(record: AgentRecord, delayMs: number): void {
    if (this.#closed) return;
    const agentId = record.agent.agent_id;
    const timer = this.#needs.clock.after(delayMs, () => {
      this.#retries.delete(agentId);
      const profile = this.#needs.profiles.get(record.agent.agent_type);
      if (!profile) return;
      const again: AgentRecord = { ...record, agent: { ...record.agent, state: 'starting' } };
      const starting = this.#write(again, [])
        .then(() => this.#start(again, profile))
        .finally(() => this.#starting.delete(agentId));
      this.#starting.set(agentId, starting);
      // Its failure is on record and announced; nobody else waits for it.
      starting.catch(() => {});
    });
    this.#retries.set(agentId, timer);
  }

  /** Writes an agent’s end: its record, the event, the end of its subscription, of its tokens, and who must know. */
  async #settle({ record, event }: { record: AgentRecord; event: AgentEvent }): Promise<void> {
    const { agent } = record;
    const events = agent.state === 'failed' ? [event, escalated(record)] : [event];
    await this.#write(record, events, (transaction) =>
      this.#needs.subscribers.drop(transaction, agent.project_id, agent.agent_id),
    );
    await this.#needs.tokens.revokeAgent(agent.agent_id);
    this.#needs.logger.info({ agent_id: agent.agent_id, state: agent.state, exit: agent.exit }, 'agent ended');
  }

  #write(
    record: AgentRecord,
    events: readonly AgentEvent[],
    more: (transaction: Transaction) => void = () => {},
  ): Promise<void> {
    return this.#needs.writer.write((transaction) => {
      this.#needs.store.update(transaction, record);
      for (const event of events) this.#needs.events.announce(transaction, event);
      more(transaction);
    });
  }

  #keyed(request: SpawnRequest) {
    if (request.idempotencyKey === undefined) return undefined;
    const { profile, project, issue, task } = request;
    return {
      caller: project.project_id,
      procedure: 'agents.spawn',
      key: request.idempotencyKey,
      request: { agentType: profile.agent_type, issueId: issue.issue_id, task },
      nowMs: this.#needs.clock.nowMs(),
    };
  }

  #require(agentId: string): AgentRecord {
    const record = this.#needs.store.find(agentId);
    if (!record) throw new SidecarError('AGENT_NOT_FOUND', `There is no agent ${agentId}.`);
    return record;
  }

  #now(): string {
    return isoTime(this.#needs.clock.nowMs());
  }
}

function newRecord(request: SpawnRequest, agentId: string, createdAt: string): AgentRecord {
  const state: AgentState = 'starting';
  return {
    agent: {
      agent_id: agentId,
      agent_type: request.profile.agent_type,
      issue_id: request.issue.issue_id,
      project_id: request.project.project_id,
      parent_id: request.parentId,
      task: request.task,
      launcher: request.launcher.kind,
      state,
      activity: { kind: 'none', cause: 'starting', since: createdAt },
      outcome: 'unknown',
      process_id: null,
      attempt: 1,
      usage: { input_tokens: null, output_tokens: null, cost_usd: null, turns: null },
      exit: null,
      permissions: [...request.permissions],
      created_at: createdAt,
      started_at: null,
      ended_at: null,
    },
    requirements: [...request.requirements],
    environment: { ...request.environment },
    launcher: request.launcher,
    tier: request.profile.model.tier,
    projectDir: request.project.root,
    correlationId: request.correlationId,
    idempotencyKey: request.idempotencyKey ?? null,
    process: null,
    protocol: 'lines',
    failures: [],
  };
}
