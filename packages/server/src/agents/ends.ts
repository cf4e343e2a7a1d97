import { rm } from 'node:fs/promises';
import type { Agent, Profile } from '@orchestration-sidecar/shared';
import { isoTime, type Clock } from '../runtime/clock.ts';
import { inCall } from '../telemetry/call-context.ts';
import type { Logger } from '../telemetry/logger.ts';
import { callOf, type AgentRecord } from './agent-record.ts';
import type { AgentEnd } from './agent-watch.ts';
import { attemptFiles, type TokenIssuer } from './attempt.ts';
import type { Failure } from './launchers/index.ts';
import type { Ledger } from './ledger.ts';
import type { LeftWork } from './left-work.ts';
import * as step from './life-cycle.ts';
import { mayRetry, retryDelayMs, tierAfter } from './retry.ts';

/** Why the sidecar ends an agent’s process itself. */
export type Ending =
  | { readonly kind: 'stop'; readonly reason: string }
  | { readonly kind: 'fail'; readonly failure: Failure };

/** What the ends need. */
export interface EndsNeeds {
  readonly clock: Clock;
  readonly random: () => number;
  readonly profiles: { get(agentType: string): Profile | undefined };
  readonly tokens: TokenIssuer;
  readonly logger: Logger;
  /** Directory of the agents’ own directories. */
  readonly directory: string;
  readonly ledger: Ledger;
  readonly leftWork: LeftWork;
  /** Aborts when the sidecar stops. */
  readonly signal: AbortSignal;
  /** Gives back the slot and whatever else is kept for an agent whose attempt is over. */
  readonly free: (agentId: string) => void;
  /** Lets an agent wait for its next attempt. */
  readonly rest: (record: AgentRecord, delayMs: number) => void;
  /** Gives free slots to those that wait. */
  readonly pump: () => void;
}

/** How attempts of agents end: told once, after what they left was taken and their tokens were ended. */
export class Ends {
  readonly #needs: EndsNeeds;
  readonly #asked = new Map<string, Ending>();
  /** Ends being written; a running agent’s is not among them. */
  readonly #settling = new Set<Promise<void>>();

  constructor(needs: EndsNeeds) {
    this.#needs = needs;
  }

  /** Why the sidecar itself ends the agent; undefined: it does not. */
  asked(agentId: string): Ending | undefined {
    return this.#asked.get(agentId);
  }

  /** Notes why the sidecar ends the agent, unless that is known already. */
  ask(agentId: string, ending: Ending): void {
    if (!this.#asked.has(agentId)) this.#asked.set(agentId, ending);
  }

  /** Forgets why the sidecar ended the agent. */
  unask(agentId: string): void {
    this.#asked.delete(agentId);
  }

  /** The process of an attempt has ended. */
  async ended(agentId: string, attempt: number, end: AgentEnd): Promise<void> {
    const { directory, leftWork } = this.#needs;
    const files = attemptFiles(directory, agentId, attempt);
    // As large as the project’s files, and can be had again.
    await rm(files.context, { force: true }).catch(() => {});
    // Before its end is told: who hears of it must find what it handed in.
    await leftWork.deliverKept(files.outbox, agentId);
    const ending = this.#asked.get(agentId);
    const failure =
      ending?.kind === 'fail' ? ending.failure : end.verdict.status === 'failed' ? end.verdict : undefined;
    if (ending?.kind === 'stop') {
      await this.settle(agentId, (record) => step.stopped(record, ending.reason, end, this.#now()));
    } else if (failure) {
      await this.fail(agentId, failure, end);
    } else {
      // Before its end is told: whoever hears that it is done finds what it has done.
      if (end.result !== null) await leftWork.handIn(agentId, end.result);
      await this.settle(agentId, (record) => step.completed(record, end, this.#now()));
    }
  }

  /** An attempt failed: another one follows when the table and the profile say so. */
  async fail(agentId: string, failure: Failure, end: AgentEnd | null): Promise<void> {
    const { clock, ledger, profiles, random, rest, pump, signal } = this.#needs;
    const { agent, tier } = await ledger.untilRead(agentId, signal);
    const profile = profiles.get(agent.agent_type);
    if (!profile || !mayRetry(failure, agent.attempt, profile.limits.max_retries)) {
      return this.settle(agentId, (record) => step.failedForGood(record, failure, end, this.#now()));
    }
    const inMs = retryDelayMs(agent.attempt + 1, random);
    const retry = { at: isoTime(clock.nowMs() + inMs), inMs, tier: tierAfter(failure, tier, profile.model) };
    const { state } = await this.conclude(agentId, (record) => step.retrying(record, failure, end, this.#now(), retry));
    if (state === 'queued') rest(await ledger.untilRead(agentId, signal), inMs);
    pump();
  }

  /** Ends an agent for good. */
  async settle(agentId: string, last: (record: AgentRecord) => step.Step): Promise<void> {
    const agent = await this.conclude(agentId, last);
    const { ledger, logger } = this.#needs;
    inCall(callOf(ledger.require(agentId)), () =>
      logger.info({ agent_id: agentId, state: agent.state, exit: agent.exit }, 'agent ended'),
    );
    this.#needs.pump();
  }

  /**
   * Ends an attempt: its tokens first, so that whoever hears of the end can rely on it, then record and event, then
   * the slot. The watch is kept until then: who asks meanwhile must not take the agent for one without a process.
   */
  async conclude(agentId: string, last: (record: AgentRecord) => step.Step): Promise<Agent> {
    const { ledger, signal, tokens } = this.#needs;
    const revoked = await tokens.revokeAgent(agentId).then(
      () => true,
      () => false,
    );
    const agent = await ledger.insist(agentId, last, signal);
    if (!revoked) await tokens.revokeAgent(agentId);
    this.#needs.free(agentId);
    return agent;
  }

  /** Keeps an end in mind until it is written; one that cannot be is found again by the next sidecar. */
  async track(end: Promise<void>, agentId: string): Promise<void> {
    const settling = end.catch((cause: unknown) =>
      this.#needs.logger.error({ err: cause, agent_id: agentId }, 'agent could not be settled'),
    );
    this.#settling.add(settling);
    await settling;
    this.#settling.delete(settling);
  }

  /** Number of ends being written. */
  get size(): number {
    return this.#settling.size;
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#settling);
  }

  #now(): string {
    return isoTime(this.#needs.clock.nowMs());
  }
}
