import { rm } from 'node:fs/promises';
import {
  LIVE_AGENT_STATES,
  SidecarError,
  type Agent,
  type AgentState,
  type AgentUsage,
  type Profile,
} from '@orchestration-sidecar/shared';
import type { ChildHandle } from '../process/index.ts';
import { isoTime, type Timer } from '../runtime/clock.ts';
import { inCall } from '../telemetry/call-context.ts';
import { Admission, type AdmissionLimits } from './admission.ts';
import { callOf, isAlive, newRecord, ticketOf, type AgentRecord } from './agent-record.ts';
import type { AgentEnd } from './agent-watch.ts';
import { attemptFiles, launcherBreaker, startAttempt, type AttemptNeeds } from './attempt.ts';
import { assertEnvironmentAllowed } from './environment.ts';
import { placeOfInteraction } from './interaction.ts';
import type { Failure } from './launchers/index.ts';
import { Ledger, type LedgerNeeds } from './ledger.ts';
import * as step from './life-cycle.ts';
import { LONGEST_RETRY_DELAY_MS, mayRetry, retryDelayMs, tierAfter, tierWhen } from './retry.ts';
import { LeftWork, type LeftWorkNeeds } from './left-work.ts';
import { Spend, type ProjectLimits } from './spend.ts';
import { keyOf, type SpawnRequest } from './spawn-request.ts';
import { Watches, type WatchesNeeds } from './watches.ts';

/** What the supervisor needs. */
export interface SupervisorNeeds extends AttemptNeeds, LedgerNeeds, WatchesNeeds, LeftWorkNeeds {
  readonly random: () => number;
  readonly profiles: { get(agentType: string): Profile | undefined };
  readonly limits: AdmissionLimits;
  readonly projectLimits: ProjectLimits;
}

/** Why the sidecar ends an agent’s process itself. */
type Ending = { readonly kind: 'stop'; readonly reason: string } | { readonly kind: 'fail'; readonly failure: Failure };

/** A start that is under way. */
interface Start {
  readonly callOff: AbortController;
  readonly done: Promise<Agent>;
}

const ASK_MS = 2000;
const TERM_MS = 5000;
/** Starts in a row that end with the sidecar before one costs an attempt. */
const MAX_UNDONE_STARTS = 10;

/**
 * Admits, starts, watches, retries and stops agents. What the store says about an agent changes only together with the
 * event that tells of it; processes outlive the supervisor and are adopted by the next one.
 */
export class Supervisor {
  readonly admission: Admission;
  readonly spend: Spend;
  readonly #needs: SupervisorNeeds;
  readonly #ledger: Ledger;
  readonly #starts = new Map<string, Start>();
  readonly #watches: Watches;
  readonly #endings = new Map<string, Ending>();
  readonly #rests = new Map<string, Timer>();
  /** Ends being written; a running agent’s is not among them. */
  readonly #settling = new Set<Promise<void>>();
  readonly #recovered = Promise.withResolvers<void>();
  readonly #closing = new AbortController();
  readonly #leftWork: LeftWork;
  /** Whether all that hold a slot are known, so that free ones can be given away. */
  #isOpen = false;

  constructor(needs: SupervisorNeeds) {
    this.#needs = needs;
    this.#ledger = new Ledger(needs);
    this.#leftWork = new LeftWork(needs, this.#ledger, this.#closing.signal);
    this.admission = new Admission(needs.limits);
    this.spend = new Spend({ ...needs, present: (agent) => this.#watches.present(agent) ?? agent });
    this.#watches = new Watches(needs, {
      onEnd: (record, end) => {
        const { agent_id: agentId, attempt } = record.agent;
        return inCall(callOf(record), () => this.#track(this.#ended(agentId, attempt, end), agentId));
      },
      onUsage: ({ agent }, usage) => this.#holdToLimits(agent, usage),
    });
  }

  /**
   * Starts an agent and resolves when its process runs; or queues it, when no slot is free, and resolves at once.
   * @throws {SidecarError} `ENVIRONMENT_FORBIDDEN`, `LAUNCHER_UNAVAILABLE`, `CIRCUIT_OPEN`, `AGENT_LIMIT_REACHED`,
   * `SPAWN_DEPTH_EXCEEDED`, `FAN_OUT_EXCEEDED`, `PROJECT_LIMIT_REACHED`, `IDEMPOTENCY_CONFLICT`, `AGENT_ENDED` when it was stopped meanwhile,
   * `SHUTTING_DOWN`.
   */
  async spawn(request: SpawnRequest): Promise<Agent> {
    const { launchers, ids } = this.#needs;
    assertEnvironmentAllowed(request.environment, request.profile.spawn_environment);
    for (const program of await launchers.locate(request.launcher, request.project.root)) {
      const refusal = launcherBreaker(this.#needs.breakers, program).refusal();
      if (refusal) throw refusal;
    }
    await this.#recovered.promise;
    if (this.#closing.signal.aborted) throw new SidecarError('SHUTTING_DOWN');
    const own = `${request.profile.agent_type}-${ids.uuid()}`;
    const interaction = placeOfInteraction(request.trace, this.#needs.tracer);
    const recordIn = (state: AgentState): AgentRecord => newRecord(request, own, state, this.#now(), interaction);
    const agentId = await this.#ledger.register(
      keyOf(request, this.#needs.clock.nowMs()),
      request.profile,
      (transaction) => {
        const refusal = this.spend.refusal(request.project.project_id);
        if (refusal) throw refusal;
        const isBudgetLow = request.isBudgetLow === true || this.spend.isLow(request.project.project_id);
        const tier = isBudgetLow ? tierWhen('budget_low', request.profile.model) : request.profile.model.tier;
        const ticket = ticketOf(recordIn('queued'));
        const place = this.admission.enter(ticket, this.depthBelow(request.parentId));
        transaction.afterRollback(() => this.admission.leave(own));
        if (place === 'slot') {
          transaction.afterCommit(() => this.#start(own));
          return { record: { ...recordIn('starting'), tier }, events: [] };
        }
        const record = { ...recordIn('queued'), tier };
        const standing = this.admission.placeOf(own);
        return { record, events: standing ? [step.queued(record, standing)] : [] };
      },
    );
    return this.#starts.get(agentId)?.done ?? this.present(this.#ledger.require(agentId).agent);
  }

  /** Stops an agent and resolves when it has ended. Stopping an ended one changes nothing. */
  async stop(agentId: string, reason: string): Promise<void> {
    await this.#recovered.promise;
    if (this.#closing.signal.aborted) throw new SidecarError('SHUTTING_DOWN');
    if (!isAlive(this.#ledger.require(agentId).agent.state)) return;
    if (!this.#endings.has(agentId)) this.#endings.set(agentId, { kind: 'stop', reason });
    // Out of the queue at once, or it would be started while this waits.
    if (this.admission.isWaiting(agentId)) this.#forget(agentId);
    const start = this.#starts.get(agentId);
    start?.callOff.abort();
    await start?.done.catch(() => {});
    const handle = this.#watches.handleOf(agentId);
    if (!handle) {
      this.#endings.delete(agentId);
      return this.#settle(agentId, (record) => step.stopped(record, reason, null, this.#now()));
    }
    const settled = this.#watches.settled(agentId);
    // Its process is stopped even when the disk does not take the note.
    await this.#ledger
      .take(agentId, (record) => step.stopping(record, reason))
      .catch((cause: unknown) => {
        this.#needs.logger.warn({ err: cause, agent_id: agentId }, 'the request to stop could not be noted');
      });
    await handle.stop({ askMs: ASK_MS, termMs: TERM_MS });
    await settled;
    // It had failed by itself just before, and waits for its next attempt.
    if (isAlive(this.#ledger.require(agentId).agent.state)) await this.stop(agentId, reason);
  }

  /** Adds what only the watch and the queue know to what the store says of an agent. */
  present(agent: Agent): Agent {
    const watched = this.#watches.present(agent);
    if (watched) return watched;
    const place = agent.state === 'queued' ? this.admission.placeOf(agent.agent_id) : undefined;
    if (!place || place.waits_for === 'retry') return agent;
    const cause = `waits for a slot, ${place.position} of ${place.length} in the queue`;
    return { ...agent, activity: { ...agent.activity, cause } };
  }

  /** The process of a watched agent. */
  handleOf(agentId: string): ChildHandle | undefined {
    return this.#watches.handleOf(agentId);
  }

  /** Takes a call of a watched agent as a sign of life; answers what to call when the call is over. */
  noteCall(agentId: string, kind: 'working' | 'waiting', cause: string): () => void {
    return this.#watches.noteCall(agentId, kind, cause);
  }

  /** How deep an agent would be that this one starts; 1 when a person starts it. */
  depthBelow(parentId: string | null): number {
    let depth = 1;
    // One more look than allowed is enough to know that it is too deep.
    for (let parent = parentId; parent !== null && depth <= this.admission.limits.depth; depth += 1) {
      parent = this.#needs.store.find(parent)?.agent.parent_id ?? null;
    }
    return depth;
  }

  /**
   * Settles what an earlier sidecar left: running processes are adopted, ended ones get their real exit, half-done
   * starts are undone and begun again, queued ones go on waiting. Whoever spawns or stops
   * meanwhile waits for it.
   */
  async recover(): Promise<void> {
    const halfDone: AgentRecord[] = [];
    for (const record of this.#needs.store.inStates(LIVE_AGENT_STATES)) {
      const { agent } = record;
      if (agent.state === 'queued') {
        this.#rest(record, record.retryAt === null ? 0 : Date.parse(record.retryAt) - this.#needs.clock.nowMs());
        continue;
      }
      this.admission.restore(ticketOf(record), 'slot');
      const { process } = record;
      if (process) await inCall(callOf(record), () => this.#adopt(record, process));
      else halfDone.push(record);
    }
    // One that cannot be settled keeps neither the others nor the sidecar from starting.
    await Promise.all(
      halfDone.map((record) => {
        const agentId = record.agent.agent_id;
        return this.#track(
          inCall(callOf(record), () => this.#undo(agentId)),
          agentId,
        );
      }),
    );
    this.#isOpen = true;
    this.#recovered.resolve();
    this.#pump();
  }

  /** Starts under way and ends being written. */
  get unsettled(): number {
    return this.#starts.size + this.#settling.size;
  }

  /** Stops watching. Agents go on and are adopted by the next sidecar; starts are called off and begun again by it. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#recovered.resolve();
    for (const timer of this.#rests.values()) timer.cancel();
    await Promise.allSettled([...this.#starts.values()].map(({ done }) => done));
    this.#watches.close();
    await Promise.allSettled(this.#settling);
  }

  /** Gives free slots to those that wait. */
  #pump(): void {
    if (!this.#isOpen || this.#closing.signal.aborted) return;
    for (let agentId = this.admission.next(); agentId !== undefined; agentId = this.admission.next()) {
      this.#start(agentId);
    }
  }

  #start(agentId: string): void {
    const callOff = new AbortController();
    const signal = AbortSignal.any([callOff.signal, this.#closing.signal]);
    const done = inCall(callOf(this.#ledger.require(agentId)), () =>
      this.#attempt(agentId, signal).catch((cause: unknown) => this.#notStarted(agentId, cause)),
    ).finally(() => this.#starts.delete(agentId));
    this.#starts.set(agentId, { callOff, done });
    // Its failure is on record and announced, whether somebody waits for it or not.
    done.catch(() => {});
  }

  async #attempt(agentId: string, signal: AbortSignal): Promise<Agent> {
    if (this.#ledger.require(agentId).agent.state === 'queued') {
      await this.#ledger.take(agentId, (record) => step.starting(record, this.#now()));
    }
    const record = this.#ledger.require(agentId);
    if (record.agent.state !== 'starting') throw new SidecarError('AGENT_ENDED');
    const profile = this.#needs.profiles.get(record.agent.agent_type);
    if (!profile) throw new SidecarError('AGENT_TYPE_NOT_FOUND', `There is no profile of ${record.agent.agent_type}.`);
    const { agent_id, attempt } = record.agent;
    const { handle, protocol } = await this.#needs.tracer.within(
      { name: 'spawn', attributes: { 'gen_ai.agent.id': agent_id, 'sidecar.attempt': attempt } },
      () => startAttempt(record, profile, this.#needs, signal),
    );
    const agent = await this.#ledger.take(agentId, (it) => step.running(it, handle, protocol, this.#now()));
    this.#watches.add(this.#ledger.require(agentId), handle);
    return this.present(agent);
  }

  /** Clears up after a start that came to nothing; answers the agent when it is tried again. */
  async #notStarted(agentId: string, cause: unknown): Promise<Agent> {
    await this.#needs.processes.sweep(agentId);
    const ending = this.#endings.get(agentId);
    if (ending?.kind === 'stop') {
      this.#endings.delete(agentId);
      await this.#settle(agentId, (record) => step.stopped(record, ending.reason, null, this.#now()));
      throw new SidecarError('AGENT_ENDED', 'The agent was stopped while it was started.', { cause });
    }
    if (this.#closing.signal.aborted) {
      await this.#needs.tokens.revokeAgent(agentId);
      await this.#ledger.take(agentId, (record) => step.requeued(record, this.#now()));
      throw new SidecarError('SHUTTING_DOWN', undefined, { cause });
    }
    const known = cause instanceof SidecarError ? cause : undefined;
    if (!known) this.#needs.logger.error({ err: cause, agent_id: agentId }, 'agent could not be started');
    const reason = known && !known.retryable ? 'not_started' : 'not_prepared';
    const failing = this.#fail(agentId, { reason, detail: known?.detail ?? 'the agent could not be prepared' }, null);
    // A disk that refuses would keep the caller waiting: what became of the agent is written when it can be.
    if (known?.code === 'STORAGE_UNAVAILABLE') void this.#track(failing, agentId);
    else await failing;
    if (!this.admission.isWaiting(agentId)) throw cause;
    return this.present(this.#ledger.require(agentId).agent);
  }

  async #ended(agentId: string, attempt: number, end: AgentEnd): Promise<void> {
    const files = attemptFiles(this.#needs.directory, agentId, attempt);
    // As large as the project’s files, and can be had again.
    await rm(files.context, { force: true }).catch(() => {});
    // Before its end is told: who hears of it must find what it handed in.
    await this.#leftWork.deliverKept(files.outbox, agentId);
    const ending = this.#endings.get(agentId);
    const failure =
      ending?.kind === 'fail' ? ending.failure : end.verdict.status === 'failed' ? end.verdict : undefined;
    if (ending?.kind === 'stop') {
      await this.#settle(agentId, (record) => step.stopped(record, ending.reason, end, this.#now()));
    } else if (failure) {
      await this.#fail(agentId, failure, end);
    } else {
      // Before its end is told: whoever hears that it is done finds what it has done.
      if (end.result !== null) await this.#leftWork.handIn(agentId, end.result);
      await this.#settle(agentId, (record) => step.completed(record, end, this.#now()));
    }
  }

  async #fail(agentId: string, failure: Failure, end: AgentEnd | null): Promise<void> {
    const { clock, profiles, random } = this.#needs;
    const { agent, tier } = this.#ledger.require(agentId);
    const profile = profiles.get(agent.agent_type);
    if (!profile || !mayRetry(failure, agent.attempt, profile.limits.max_retries)) {
      return this.#settle(agentId, (record) => step.failedForGood(record, failure, end, this.#now()));
    }
    const inMs = retryDelayMs(agent.attempt + 1, random);
    const retry = { at: isoTime(clock.nowMs() + inMs), inMs, tier: tierAfter(failure, tier, profile.model) };
    const { state } = await this.#conclude(agentId, (record) =>
      step.retrying(record, failure, end, this.#now(), retry),
    );
    if (state === 'queued') this.#rest(this.#ledger.require(agentId), inMs);
    this.#pump();
  }

  /** Ends an agent for good. */
  async #settle(agentId: string, last: (record: AgentRecord) => step.Step): Promise<void> {
    const agent = await this.#conclude(agentId, last);
    inCall(callOf(this.#ledger.require(agentId)), () =>
      this.#needs.logger.info({ agent_id: agentId, state: agent.state, exit: agent.exit }, 'agent ended'),
    );
    this.#pump();
  }

  /**
   * Ends an attempt: its tokens first, so that whoever hears of the end can rely on it, then record and event, then
   * the slot. The watch is kept until then: who asks meanwhile must not take the agent for one without a process.
   */
  async #conclude(agentId: string, last: (record: AgentRecord) => step.Step): Promise<Agent> {
    const { tokens } = this.#needs;
    const revoked = await tokens.revokeAgent(agentId).then(
      () => true,
      () => false,
    );
    const agent = await this.#ledger.insist(agentId, last, this.#closing.signal);
    if (!revoked) await tokens.revokeAgent(agentId);
    this.#forget(agentId);
    return agent;
  }

  #forget(agentId: string): void {
    this.#watches.drop(agentId);
    this.#endings.delete(agentId);
    this.#rests.get(agentId)?.cancel();
    this.#rests.delete(agentId);
    this.admission.leave(agentId);
  }

  /** Lets an agent wait for its next attempt, which then needs a free slot like any other. */
  #rest(record: AgentRecord, delayMs: number): void {
    const ticket = ticketOf(record);
    const { agentId } = ticket;
    if (delayMs <= 0) return void this.admission.restore(ticket, 'queue');
    this.admission.rest(ticket);
    const timer = this.#needs.clock.after(Math.min(delayMs, LONGEST_RETRY_DELAY_MS), () => {
      this.#rests.delete(agentId);
      this.admission.rested(agentId);
      this.#pump();
    });
    this.#rests.set(agentId, timer);
  }

  /** Ends an agent that passed a limit of its own, and all of a project that went far past its budget. */
  #holdToLimits(agent: Agent, usage: AgentUsage): void {
    const failure = this.spend.passed(agent, usage);
    if (failure) this.#endForFailure(agent.agent_id, failure);
    if (!this.spend.isPassed(agent.project_id)) return;
    const detail = 'the budget of the project is used up';
    for (const { agent_id: each } of this.#needs.store.liveOf(agent.project_id)) {
      this.#endForFailure(each, { reason: 'budget_limit', detail });
    }
  }

  #endForFailure(agentId: string, failure: Failure): void {
    const handle = this.handleOf(agentId);
    if (!handle || this.#endings.has(agentId)) return;
    this.#endings.set(agentId, { kind: 'fail', failure });
    void handle.stop({ askMs: ASK_MS, termMs: TERM_MS });
  }

  async #adopt(record: AgentRecord, process: NonNullable<AgentRecord['process']>): Promise<void> {
    const { agent, stopReason } = record;
    if (stopReason !== null) this.#endings.set(agent.agent_id, { kind: 'stop', reason: stopReason });
    const handle = await this.#needs.processes.adopt(process);
    this.#watches.add(record, handle);
    if (stopReason !== null) void handle.stop({ askMs: ASK_MS, termMs: TERM_MS });
    this.#needs.logger.info({ agent_id: agent.agent_id, pid: handle.pid }, 'agent adopted');
  }

  async #undo(agentId: string): Promise<void> {
    const processes = await this.#needs.processes.sweep(agentId).catch((cause: unknown) => {
      this.#needs.logger.error({ err: cause, agent_id: agentId }, 'what a half-done start left could not be ended');
      return null;
    });
    if (processes === null) {
      // What may still run must not be doubled: nothing is begun again.
      const failure = { reason: 'lost', detail: 'what was left of its start could not be ended' } as const;
      return this.#settle(agentId, (record) => step.failedForGood(record, failure, null, this.#now()));
    }
    this.#needs.logger.warn({ agent_id: agentId, processes }, 'half-done start undone');
    // One that brings the sidecar down each time must not do so for ever.
    if ((this.#ledger.require(agentId).undoneStarts ?? 0) >= MAX_UNDONE_STARTS) {
      const detail = `the sidecar ended ${MAX_UNDONE_STARTS} times while it started the agent`;
      return this.#fail(agentId, { reason: 'lost', detail }, null);
    }
    const { state } = await this.#conclude(agentId, (record) => step.undone(record, this.#now()));
    if (state === 'queued') this.#rest(this.#ledger.require(agentId), 0);
  }

  /** Keeps an end in mind until it is written; one that cannot be is found again by the next sidecar. */
  async #track(end: Promise<void>, agentId: string): Promise<void> {
    const settling = end.catch((cause: unknown) =>
      this.#needs.logger.error({ err: cause, agent_id: agentId }, 'agent could not be settled'),
    );
    this.#settling.add(settling);
    await settling;
    this.#settling.delete(settling);
  }

  #now(): string {
    return isoTime(this.#needs.clock.nowMs());
  }
}
