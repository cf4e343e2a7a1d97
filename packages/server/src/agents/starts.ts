import { SidecarError, type Agent, type Profile } from '@orchestration-sidecar/shared';
import type { ChildHandle } from '../process/index.ts';
import { isoTime, type Clock } from '../runtime/clock.ts';
import { inCall } from '../telemetry/call-context.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Tracer } from '../telemetry/tracer.ts';
import { callOf, type AgentRecord } from './agent-record.ts';
import { startAttempt, type AttemptNeeds, type KeepProcess } from './attempt.ts';
import type { Ends } from './ends.ts';
import type { Ledger } from './ledger.ts';
import * as step from './life-cycle.ts';

/** What the starts need. */
export interface StartsNeeds extends AttemptNeeds {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tracer: Tracer;
  readonly profiles: { get(agentType: string): Profile | undefined };
  readonly ledger: Ledger;
  readonly ends: Ends;
  /** Aborts when the sidecar stops: starts are called off and begun again by the next one. */
  readonly signal: AbortSignal;
  /** The process of an agent runs and is on record. */
  readonly onRunning: (record: AgentRecord, handle: ChildHandle) => void;
  /** Whether the agent waits for another attempt. */
  readonly isWaiting: (agentId: string) => boolean;
  /** An agent with what the store does not say of it. */
  readonly present: (agent: Agent) => Agent;
}

/** A start that is under way. */
interface Start {
  readonly callOff: AbortController;
  readonly done: Promise<Agent>;
}

/** The starts that are under way: from a slot to a process that is on record, or to nothing. */
export class Starts {
  readonly #needs: StartsNeeds;
  readonly #underWay = new Map<string, Start>();

  constructor(needs: StartsNeeds) {
    this.#needs = needs;
  }

  /** Starts an agent that has been given a slot. */
  begin(agentId: string): void {
    const callOff = new AbortController();
    const signal = AbortSignal.any([callOff.signal, this.#needs.signal]);
    const done = this.#start(agentId, signal).finally(() => this.#underWay.delete(agentId));
    this.#underWay.set(agentId, { callOff, done });
    // Its failure is on record and announced, whether somebody waits for it or not.
    done.catch(() => {});
  }

  /** Resolves when the agent runs or waits for another attempt, rejects when it came to nothing; undefined: no start. */
  done(agentId: string): Promise<Agent> | undefined {
    return this.#underWay.get(agentId)?.done;
  }

  /** Number of starts under way. */
  get size(): number {
    return this.#underWay.size;
  }

  /** Calls a start off, as long as there is no process; resolves when it is over, whatever it came to. */
  async callOff(agentId: string): Promise<void> {
    const start = this.#underWay.get(agentId);
    start?.callOff.abort();
    await start?.done.catch(() => {});
  }

  /** Waits for the starts that the signal called off. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#underWay.values()].map(({ done }) => done));
  }

  /** Rejects, and never throws: who begins a start is a timer or a commit, which no fault of one agent may end. */
  async #start(agentId: string, signal: AbortSignal): Promise<Agent> {
    const notStarted = (cause: unknown): Promise<Agent> => this.#notStarted(agentId, cause);
    let record: AgentRecord;
    try {
      record = this.#needs.ledger.require(agentId);
    } catch (cause) {
      return notStarted(cause);
    }
    return inCall(callOf(record), () => this.#attempt(agentId, signal).catch(notStarted));
  }

  async #attempt(agentId: string, signal: AbortSignal): Promise<Agent> {
    const { ledger, profiles, tracer, onRunning, present } = this.#needs;
    if (ledger.require(agentId).agent.state === 'queued') {
      await ledger.take(agentId, (record) => step.starting(record, this.#now()));
    }
    const record = ledger.require(agentId);
    if (record.agent.state !== 'starting') throw new SidecarError('AGENT_ENDED');
    const profile = profiles.get(record.agent.agent_type);
    if (!profile) throw new SidecarError('AGENT_TYPE_NOT_FOUND', `There is no profile of ${record.agent.agent_type}.`);
    const { agent_id, attempt } = record.agent;
    const keep: KeepProcess = (process, protocol) =>
      ledger.take(agentId, (it) => step.running(it, process, protocol, this.#now()));
    const handle = await tracer.within(
      { name: 'spawn', attributes: { 'gen_ai.agent.id': agent_id, 'sidecar.attempt': attempt } },
      () => startAttempt(record, profile, this.#needs, keep, signal),
    );
    const running = ledger.require(agentId);
    onRunning(running, handle);
    return present(running.agent);
  }

  /** Clears up after a start that came to nothing; answers the agent when it is tried again. */
  async #notStarted(agentId: string, cause: unknown): Promise<Agent> {
    const { ends, ledger, logger, processes, signal, tokens, isWaiting, present } = this.#needs;
    await processes.sweep(agentId);
    const ending = ends.asked(agentId);
    if (ending?.kind === 'stop') {
      ends.unask(agentId);
      await ends.settle(agentId, (record) => step.stopped(record, ending.reason, null, this.#now()));
      throw new SidecarError('AGENT_ENDED', 'The agent was stopped while it was started.', { cause });
    }
    if (signal.aborted) {
      await tokens.revokeAgent(agentId);
      await ledger.take(agentId, (record) => step.requeued(record, this.#now()));
      throw new SidecarError('SHUTTING_DOWN', undefined, { cause });
    }
    const known = cause instanceof SidecarError ? cause : undefined;
    if (!known) logger.error({ err: cause, agent_id: agentId }, 'agent could not be started');
    const reason = known && !known.retryable ? 'not_started' : 'not_prepared';
    const failing = ends.fail(agentId, { reason, detail: known?.detail ?? 'the agent could not be prepared' }, null);
    // A disk that refuses would keep the caller waiting: what became of the agent is written when it can be.
    if (known?.code === 'STORAGE_UNAVAILABLE') void ends.track(failing, agentId);
    else await failing;
    if (!isWaiting(agentId)) throw cause;
    return present(ledger.require(agentId).agent);
  }

  #now(): string {
    return isoTime(this.#needs.clock.nowMs());
  }
}
