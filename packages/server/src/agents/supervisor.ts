import {
  LIVE_AGENT_STATES,
  SidecarError,
  type Agent,
  type AgentState,
  type AgentUsage,
  type Profile,
} from '@orchestration-sidecar/shared';
import type { ChildHandle } from '../process/index.ts';
import { isoTime } from '../runtime/clock.ts';
import { inCall } from '../telemetry/call-context.ts';
import { Admission, type AdmissionLimits } from './admission.ts';
import { callOf, isAlive, newRecord, ticketOf, type AgentRecord } from './agent-record.ts';
import { launcherBreaker, type AttemptNeeds } from './attempt.ts';
import { BudgetWarnings } from './budget-warnings.ts';
import { Ends } from './ends.ts';
import { assertEnvironmentAllowed } from './environment.ts';
import { placeOfInteraction } from './interaction.ts';
import type { Failure } from './launchers/index.ts';
import { Ledger, type LedgerNeeds } from './ledger.ts';
import { LeftWork, type LeftWorkNeeds } from './left-work.ts';
import * as step from './life-cycle.ts';
import { Rests } from './rests.ts';
import { tierWhen } from './retry.ts';
import { keyOf, type SpawnRequest } from './spawn-request.ts';
import { Spend, type ProjectLimits } from './spend.ts';
import { Starts } from './starts.ts';
import { Watches, type WatchesNeeds } from './watches.ts';

/** What the supervisor needs. */
export interface SupervisorNeeds extends AttemptNeeds, LedgerNeeds, WatchesNeeds, LeftWorkNeeds {
  readonly random: () => number;
  readonly profiles: { get(agentType: string): Profile | undefined };
  readonly limits: AdmissionLimits;
  readonly projectLimits: ProjectLimits;
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
  readonly #starts: Starts;
  readonly #watches: Watches;
  readonly #ends: Ends;
  readonly #rests: Rests;
  readonly #budgets: BudgetWarnings;
  readonly #recovered = Promise.withResolvers<void>();
  readonly #closing = new AbortController();
  /** Whether all that hold a slot are known, so that free ones can be given away. */
  #isOpen = false;

  constructor(needs: SupervisorNeeds) {
    this.#needs = needs;
    const { signal } = this.#closing;
    const ledger = new Ledger(needs);
    this.#ledger = ledger;
    this.admission = new Admission(needs.limits);
    this.spend = new Spend({ ...needs, present: (agent) => this.#watches.present(agent) ?? agent });
    this.#budgets = new BudgetWarnings({
      spend: this.spend,
      tell: (event) => ledger.tell(event),
      logger: needs.logger,
    });
    this.#rests = new Rests(needs.clock, this.admission, () => this.#pump());
    this.#ends = new Ends({
      ...needs,
      ledger,
      leftWork: new LeftWork(needs, ledger, signal),
      signal,
      free: (agentId) => this.#free(agentId),
      rest: (record, delayMs) => this.#rests.begin(record, delayMs),
      pump: () => this.#pump(),
    });
    this.#starts = new Starts({
      ...needs,
      ledger,
      ends: this.#ends,
      signal,
      onRunning: (record, handle) => this.#watches.add(record, handle),
      isWaiting: (agentId) => this.admission.isWaiting(agentId),
      present: (agent) => this.present(agent),
    });
    this.#watches = new Watches(needs, {
      onEnd: (record, end) => {
        const { agent_id: agentId, attempt } = record.agent;
        // It waited to be on record, and the sidecar died before it could tell it to begin.
        const isUndone = end.exit.cause === 'unbegun' && this.#ends.asked(agentId)?.kind !== 'stop';
        return inCall(callOf(record), () =>
          this.#ends.track(isUndone ? this.#undo(agentId) : this.#ends.ended(agentId, attempt, end), agentId),
        );
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
        const { project_id: projectId } = request.project;
        const { refusal, level } = this.spend.standing(projectId);
        if (refusal) throw refusal;
        const isBudgetLow = request.isBudgetLow === true || level !== 'ok';
        const tier = isBudgetLow ? tierWhen('budget_low', request.profile.model) : request.profile.model.tier;
        const ticket = ticketOf(recordIn('queued'));
        const place = this.admission.enter(ticket, this.depthBelow(request.parentId));
        transaction.afterRollback(() => this.admission.leave(own));
        if (place === 'slot') transaction.afterCommit(() => this.#starts.begin(own));
        transaction.afterCommit(() => this.#budgets.look({ project_id: projectId, agent_id: own }));
        if (place === 'slot') return { record: { ...recordIn('starting'), tier }, events: [] };
        const record = { ...recordIn('queued'), tier };
        const standing = this.admission.placeOf(own);
        return { record, events: standing ? [step.queued(record, standing)] : [] };
      },
    );
    return this.#starts.done(agentId) ?? this.present(this.#ledger.require(agentId).agent);
  }

  /** Stops an agent and resolves when it has ended. Stopping an ended one changes nothing. */
  async stop(agentId: string, reason: string): Promise<void> {
    await this.#recovered.promise;
    if (this.#closing.signal.aborted) throw new SidecarError('SHUTTING_DOWN');
    if (!isAlive(this.#ledger.require(agentId).agent.state)) return;
    this.#ends.ask(agentId, { kind: 'stop', reason });
    // Out of the queue at once, or it would be started while this waits.
    if (this.admission.isWaiting(agentId)) this.#free(agentId);
    await this.#starts.callOff(agentId);
    const handle = this.#watches.handleOf(agentId);
    if (!handle) {
      this.#ends.unask(agentId);
      return this.#ends.settle(agentId, (record) => step.stopped(record, reason, null, this.#now()));
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
        this.#rests.begin(record, record.retryAt === null ? 0 : Date.parse(record.retryAt) - this.#needs.clock.nowMs());
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
        return this.#ends.track(
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
    return this.#starts.size + this.#ends.size;
  }

  /** Stops watching. Agents go on and are adopted by the next sidecar; starts are called off and begun again by it. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#recovered.resolve();
    this.#rests.close();
    await this.#starts.close();
    this.#watches.close();
    await this.#ends.close();
  }

  /** Gives free slots to those that wait. */
  #pump(): void {
    if (!this.#isOpen || this.#closing.signal.aborted) return;
    for (let agentId = this.admission.next(); agentId !== undefined; agentId = this.admission.next()) {
      this.#starts.begin(agentId);
    }
  }

  /** Gives back the slot of an agent whose attempt is over, and what else is kept for it. */
  #free(agentId: string): void {
    this.#watches.drop(agentId);
    this.#ends.unask(agentId);
    this.#rests.forget(agentId);
    this.admission.leave(agentId);
  }

  /** Ends an agent that passed a limit of its own, and all of a project that went far past its budget. */
  #holdToLimits(agent: Agent, usage: AgentUsage): void {
    const failure = this.spend.passed(agent, usage);
    if (failure) this.#endForFailure(agent.agent_id, failure);
    if (this.#budgets.look(agent) !== 'passed') return;
    const detail = 'the budget of the project is used up';
    for (const { agent_id: each } of this.#needs.store.liveOf(agent.project_id)) {
      this.#endForFailure(each, { reason: 'budget_limit', detail });
    }
  }

  #endForFailure(agentId: string, failure: Failure): void {
    const handle = this.handleOf(agentId);
    if (!handle || this.#ends.asked(agentId)) return;
    this.#ends.ask(agentId, { kind: 'fail', failure });
    void handle.stop({ askMs: ASK_MS, termMs: TERM_MS });
  }

  async #adopt(record: AgentRecord, process: NonNullable<AgentRecord['process']>): Promise<void> {
    const { agent, stopReason } = record;
    if (stopReason !== null) this.#ends.ask(agent.agent_id, { kind: 'stop', reason: stopReason });
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
      return this.#ends.settle(agentId, (record) => step.failedForGood(record, failure, null, this.#now()));
    }
    this.#needs.logger.warn({ agent_id: agentId, processes }, 'half-done start undone');
    // One that brings the sidecar down each time must not do so for ever.
    if ((this.#ledger.require(agentId).undoneStarts ?? 0) + 1 >= MAX_UNDONE_STARTS) {
      const detail = `the sidecar ended ${MAX_UNDONE_STARTS} times while it started the agent`;
      return this.#ends.fail(agentId, { reason: 'lost', detail }, null);
    }
    const { state } = await this.#ends.conclude(agentId, (record) => step.undone(record, this.#now()));
    if (state === 'queued') this.#rests.begin(this.#ledger.require(agentId), 0);
    this.#pump();
  }

  #now(): string {
    return isoTime(this.#needs.clock.nowMs());
  }
}
