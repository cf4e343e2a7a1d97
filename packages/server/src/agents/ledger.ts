import { SidecarError, type Agent, type EventSubscription, type Profile } from '@orchestration-sidecar/shared';
import type { Clock } from '../runtime/clock.ts';
import { diskFault } from '../runtime/disk-fault.ts';
import { once, type KeyedRequest } from '../storage/idempotency.ts';
import type { Transaction, Writer } from '../storage/writer.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Tracer } from '../telemetry/tracer.ts';
import { isAlive, type AgentRecord } from './agent-record.ts';
import { recordInteraction } from './interaction.ts';
import type { AgentStore } from './agent-store.ts';
import { mayBecome, type AgentEvent, type Step } from './life-cycle.ts';

/** Who keeps for an agent what it is to hear of, from its spawn to its end (DECISIONS 13). */
export interface AgentSubscriptions {
  keep(
    transaction: Transaction,
    kept: {
      readonly projectId: string;
      readonly agentId: string;
      readonly agentType: string;
      readonly subscriptions: readonly EventSubscription[];
    },
  ): void;
  drop(transaction: Transaction, projectId: string, agentId: string): void;
}

/** What the ledger needs. */
export interface LedgerNeeds {
  readonly store: AgentStore;
  /** Appends an event of the sidecar’s own within the transaction. */
  readonly announce: (transaction: Transaction, event: AgentEvent) => void;
  readonly subscribers: AgentSubscriptions;
  readonly writer: Writer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tracer: Tracer;
}

/** Pause before a refused disk is tried again. */
const STORAGE_RETRY_MS = 1000;

/**
 * Writes down what becomes of agents: the record and the events that tell of it in one transaction, read and changed
 * there, so that whoever comes second sees what the first did and an agent ends once.
 */
export class Ledger {
  readonly #needs: LedgerNeeds;

  constructor(needs: LedgerNeeds) {
    this.#needs = needs;
  }

  /**
   * The record of an agent.
   * @throws {SidecarError} `AGENT_NOT_FOUND`, `STORAGE_UNAVAILABLE`.
   */
  require(agentId: string): AgentRecord {
    const record = this.#find(agentId);
    if (!record) throw new SidecarError('AGENT_NOT_FOUND', `There is no agent ${agentId}.`);
    return record;
  }

  /**
   * Adds an agent, once per key; answers the id of the agent that the key stands for.
   * @param make called inside the transaction when the key is new; throws to refuse.
   */
  register(
    keyed: KeyedRequest | undefined,
    profile: Profile,
    make: (transaction: Transaction) => { record: AgentRecord; events: readonly AgentEvent[] },
  ): Promise<string> {
    const { store, announce, subscribers, writer } = this.#needs;
    return writer.write((transaction) =>
      once(transaction, keyed, () => {
        const made = make(transaction);
        const { agent } = made.record;
        store.insert(transaction, made.record);
        // Kept from now on, so that what is published before the agent connects still reaches it.
        subscribers.keep(transaction, {
          projectId: agent.project_id,
          agentId: agent.agent_id,
          agentType: agent.agent_type,
          subscriptions: profile.event_subscriptions,
        });
        for (const event of made.events) announce(transaction, event);
        return agent.agent_id;
      }),
    );
  }

  /**
   * Takes a step, unless the agent’s state does not allow it any more; answers the agent as it is then.
   * @throws {SidecarError} `STORAGE_UNAVAILABLE`, `AGENT_NOT_FOUND`.
   */
  take(agentId: string, step: (record: AgentRecord) => Step): Promise<Agent> {
    const { store, announce, subscribers, writer } = this.#needs;
    return writer.write((transaction) => {
      const before = this.require(agentId);
      const { record, events } = step(before);
      const { agent } = record;
      if (!mayBecome(before.agent.state, agent.state)) return before.agent;
      store.update(transaction, record);
      for (const event of events) announce(transaction, event);
      if (!isAlive(agent.state)) {
        subscribers.drop(transaction, agent.project_id, agent.agent_id);
        transaction.afterCommit(() => recordInteraction(record, this.#needs.tracer));
      }
      return agent;
    });
  }

  /**
   * Publishes an event about no single agent.
   * @throws {SidecarError} `STORAGE_UNAVAILABLE`.
   */
  tell(event: AgentEvent): Promise<void> {
    const { announce, writer } = this.#needs;
    return writer.write((transaction) => announce(transaction, event));
  }

  /**
   * Takes a step that has happened and must be told: while the disk refuses, it is tried again until the signal
   * aborts. The next start finds out again what was not written then.
   */
  insist(agentId: string, step: (record: AgentRecord) => Step, signal: AbortSignal): Promise<Agent> {
    return this.untilWritten(agentId, () => this.take(agentId, step), signal);
  }

  /** The record of an agent that must be known: while the disk refuses, it is read again until the signal aborts. */
  untilRead(agentId: string, signal: AbortSignal): Promise<AgentRecord> {
    return this.untilWritten(agentId, async () => this.require(agentId), signal);
  }

  /** Writes what became of an agent, again and again while the disk refuses; until the signal aborts. */
  async untilWritten<T>(agentId: string, write: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let told = false; ; told = true) {
      try {
        return await write();
      } catch (cause) {
        const refused = cause instanceof SidecarError && cause.code === 'STORAGE_UNAVAILABLE';
        if (!refused || signal.aborted) throw cause;
        if (!told)
          this.#needs.logger.error({ err: cause, agent_id: agentId }, 'what became of an agent waits for the disk');
        await this.#pause(signal);
      }
    }
  }

  #find(agentId: string): AgentRecord | undefined {
    try {
      return this.#needs.store.find(agentId);
    } catch (cause) {
      throw diskFault(cause) ?? cause;
    }
  }

  #pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = this.#needs.clock.after(STORAGE_RETRY_MS, done);
      signal.addEventListener('abort', done);
    });
  }
}
