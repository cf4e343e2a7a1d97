import {
  LIMITS,
  SidecarError,
  type Consumer,
  type ConsumerInterest,
  type DeadLetter,
  type DeadLetterReason,
  type Delivery,
  type EventSubscription,
  type SidecarEvent,
} from '@orchestration-sidecar/shared';
import { isoTime } from '../../runtime/clock.ts';
import { once } from '../../storage/idempotency.ts';
import { readStored } from '../../storage/stored-json.ts';
import type { Transaction, Writer } from '../../storage/writer.ts';
import type { Leaving } from '../event-store.ts';
import { compileInterest, type Interest } from '../filter.ts';
import type { ConsumerCall, ConsumerRegistry } from './consumer-registry.ts';
import type { ConsumerDefinition } from './consumer-store.ts';
import { Deliveries, SCAN_EVENTS, type DeliveriesNeeds, type Ended, type Failure } from './deliveries.ts';
import type { ConsumerUser, DurableConsumer } from './durable-consumer.ts';

/** What the consumers need. */
export interface ConsumersNeeds extends DeliveriesNeeds {
  readonly registry: ConsumerRegistry;
  readonly writer: Writer;
}

/** A consumer to be made. */
export interface NewConsumer extends Interest {
  readonly projectId: string;
  readonly name: string;
  /** Agents of this type may use it; null: the operator alone. */
  readonly agentType: string | null;
  /** Cursor, `latest`, or none for the oldest retained event. */
  readonly cursor?: string | undefined;
  readonly ackDeadlineMs: number;
  readonly maxDeliveries: number;
}

/** A spawned agent’s own consumer, named after it. */
export interface AgentConsumer {
  readonly projectId: string;
  readonly agentId: string;
  readonly agentType: string;
  readonly subscriptions: readonly EventSubscription[];
}

/** A member’s wish for events. */
export interface ConsumeRequest extends ConsumerCall {
  readonly member: string;
  readonly limit: number;
  readonly timeoutMs: number;
}

/** What a member says of events it was handed. */
export interface Settlement extends ConsumerCall {
  readonly leases: readonly string[];
  /** Said again under the same key, it is answered as it was the first time. */
  readonly idempotencyKey?: string | undefined;
}

/** Events that may pass unwanted before the position is written down. */
const MAX_UNSAVED_EVENTS = 5000;

const GAP_BEHIND_CURSOR = 'Of what comes after this cursor, the log no longer has everything.';
const GAP_BEFORE_USE = 'Events left the log before this consumer was first used. Consume again for what is kept.';

/** Durable consumers: named positions in the log whose members share the work and say when it is done. */
export class Consumers {
  readonly #needs: ConsumersNeeds;
  readonly #deliveries: Deliveries;

  constructor(needs: ConsumersNeeds) {
    this.#needs = needs;
    this.#deliveries = new Deliveries(needs);
  }

  /**
   * Makes a consumer; making the same again answers the one there is.
   * @throws {SidecarError} `FILTER_INVALID`, `CURSOR_INVALID`, `CURSOR_EXPIRED`, `CONSUMER_EXISTS`,
   * `CONSUMER_LIMIT_REACHED`.
   */
  async create(wish: NewConsumer): Promise<Consumer> {
    const { projectId, name, eventType, topic, filter, cursor, ...rules } = wish;
    const { registry, log, clock, writer } = this.#needs;
    compileInterest(wish);
    const event_type = eventType === '*' ? null : (eventType ?? null);
    const interests = [{ event_type, topic: topic ?? null, filter: filter ?? null }];
    const definition = { projectId, name, agentId: null, interests, createdAtMs: clock.nowMs(), ...rules };
    await writer.write((transaction) => {
      const known = registry.find(projectId, name);
      if (known && !isSame(known.definition, definition)) throw new SidecarError('CONSUMER_EXISTS');
      if (known) return;
      registry.mustHaveRoom(projectId);
      const sequence = log.sequenceOf(projectId, cursor);
      // It goes on by itself and could be told of no gap later on.
      const gap = cursor === undefined ? undefined : log.gapAfter(projectId, sequence, GAP_BEHIND_CURSOR);
      if (gap) throw gap;
      registry.insert(transaction, definition, sequence);
    });
    return this.#describe(registry.require({ projectId, name, user: null }));
  }

  /** Keeps a consumer for an agent that is being spawned, so that what is published from now on reaches it. */
  keep(transaction: Transaction, agent: AgentConsumer): void {
    const { registry, log, clock } = this.#needs;
    const { projectId, agentId, agentType, subscriptions } = agent;
    const definition: ConsumerDefinition = {
      projectId,
      name: agentId,
      agentType,
      agentId,
      interests: subscriptions.flatMap(interestsOf),
      ackDeadlineMs: LIMITS.defaultAckDeadlineMs,
      maxDeliveries: LIMITS.defaultMaxDeliveries,
      createdAtMs: clock.nowMs(),
    };
    registry.insert(transaction, definition, log.head(projectId));
  }

  /** Ends the consumer of an agent; ending one that is not there changes nothing. */
  drop(transaction: Transaction, projectId: string, agentId: string): void {
    this.#needs.registry.remove(transaction, projectId, agentId);
  }

  /** @throws {SidecarError} `CONSUMER_NOT_FOUND`. */
  async delete(call: ConsumerCall): Promise<void> {
    const { registry, writer } = this.#needs;
    await writer.write((transaction) => {
      registry.require(call);
      registry.remove(transaction, call.projectId, call.name);
    });
  }

  /** The consumers that someone may use, by name. */
  list(projectId: string, user: ConsumerUser): Consumer[] {
    return this.#needs.registry
      .of(projectId)
      .filter((consumer) => consumer.isFor(user))
      .map((consumer) => this.#describe(consumer))
      .toSorted((a, b) => (a.consumer < b.consumer ? -1 : 1));
  }

  /**
   * Hands out the next events, waiting for some when there are none. No two members have the same event at a time.
   * @throws {SidecarError} `CONSUMER_NOT_FOUND`, also when it is deleted meanwhile; `CURSOR_EXPIRED`, once, when events
   * left the log before an agent used its own consumer for the first time.
   */
  async consume(request: ConsumeRequest, signal: AbortSignal): Promise<Delivery[]> {
    const { registry, clock, writer } = this.#needs;
    const over = new AbortController();
    const timer = clock.after(request.timeoutMs, () => over.abort());
    const until = AbortSignal.any([signal, over.signal]);
    try {
      for (;;) {
        const consumer = registry.require(request);
        if (consumer.unused) await this.#mustTellGap(consumer);
        if (await this.#hasWork(consumer)) {
          const handed = await writer.write((transaction) => {
            // Whoever hung up would let the events lie until their deadline.
            if (signal.aborted) return [];
            return this.#deliveries.handOut(transaction, registry.require(request), request.member, request.limit);
          });
          if (handed.length > 0 && signal.aborted) await this.#takeBack(request, handed);
          else if (handed.length > 0) return handed;
          // What it came upon was given up or gone: what follows has not been looked at.
          if (!signal.aborted) continue;
        }
        if (until.aborted || request.timeoutMs === 0) return [];
        await this.#nextChange(consumer, until);
      }
    } finally {
      timer.cancel();
    }
  }

  /**
   * @throws {SidecarError} `CONSUMER_NOT_FOUND`; `LEASE_LOST` when none of the leases holds any more;
   * `IDEMPOTENCY_CONFLICT`.
   */
  ack(settlement: Settlement): Promise<{ acknowledged: number; lost: string[] }> {
    return this.#settle('consumers.ack', settlement, 'acknowledged');
  }

  /** @throws {SidecarError} as {@link ack}. */
  nack(settlement: Settlement, failure: Failure): Promise<{ returned: number; dead: number; lost: string[] }> {
    return this.#settle('consumers.nack', settlement, failure);
  }

  #settle(procedure: string, settlement: Settlement, how: 'acknowledged' | Failure): Promise<Ended> {
    const { registry, writer, clock } = this.#needs;
    const { projectId, name, user, leases, idempotencyKey: key } = settlement;
    const caller = `${projectId}/${user === null ? 'operator' : user.agentId}`;
    const keyed =
      key === undefined ? undefined : { caller, procedure, key, request: { name, leases, how }, nowMs: clock.nowMs() };
    return writer.write((transaction) =>
      once(transaction, keyed, () => this.#deliveries.end(transaction, registry.require(settlement), leases, how)),
    );
  }

  /**
   * Gives the event of a dead letter to its consumer again, as if for the first time.
   * @throws {SidecarError} `DEAD_LETTER_NOT_FOUND`, `CONSUMER_NOT_FOUND`.
   */
  redrive(projectId: string, deadLetterId: string, user: ConsumerUser): Promise<DeadLetter> {
    const { registry, deadLetters, writer } = this.#needs;
    return writer.write((transaction) => {
      const { deadLetter, sequence, body } = deadLetters.require(projectId, deadLetterId, user);
      const consumer = registry.require({ projectId, name: deadLetter.consumer, user });
      this.#deliveries.redrive(transaction, consumer, sequence, body);
      deadLetters.remove(transaction, deadLetterId);
      return deadLetter;
    });
  }

  /** Keeps what consumers still have to get of events that are leaving the log; in the transaction that removes them. */
  outlive(projectId: string, events: readonly Leaving[], reason: DeadLetterReason): void {
    // Read once, for as many as want to know.
    const known = new Map<Leaving, SidecarEvent>();
    const read = (event: Leaving): SidecarEvent => {
      const parsed = known.get(event) ?? readStored<SidecarEvent>(event.json);
      known.set(event, parsed);
      return parsed;
    };
    for (const consumer of this.#needs.registry.of(projectId)) {
      this.#deliveries.outlive(consumer, events, { reason, read });
    }
  }

  /** How many may still have to get an event of a project. */
  behind(projectId: string, sequence: number): number {
    return this.#needs.registry.of(projectId).filter((it) => !it.unused && it.scanned < sequence).length;
  }

  /** Settles deliveries that ended for good while nobody consumed, at most `limit`; answers how many. */
  settleEnded(transaction: Transaction, limit: number): number {
    const { store, registry, clock } = this.#needs;
    let settled = 0;
    for (const { projectId, name } of store.withEndedDeliveries(clock.nowMs(), limit)) {
      if (settled >= limit) break;
      const consumer = registry.find(projectId, name);
      if (consumer) settled += this.#deliveries.settleEnded(transaction, consumer, limit - settled);
    }
    return settled;
  }

  /** Nothing is laid aside for a consumer that was never used, so its first user is told of what is gone. */
  async #mustTellGap(consumer: DurableConsumer): Promise<void> {
    const { store, log, clock, writer } = this.#needs;
    const { projectId, name } = consumer.definition;
    if (consumer.scanned >= log.trimmed(projectId)) return;
    const gap = await writer.write((transaction) => {
      const sequence = this.#deliveries.reached(consumer);
      const found = log.gapAfter(projectId, sequence, GAP_BEFORE_USE);
      const progress = { sequence, lastUsedAtMs: clock.nowMs() };
      store.advance(projectId, name, progress);
      transaction.afterCommit(() => consumer.advanced(progress));
      return found;
    });
    if (gap) throw gap;
  }

  /** Frees what was handed to someone who was gone, or not allowed any more, by the time it was on disk. */
  async #takeBack({ projectId, name }: ConsumerCall, handed: readonly Delivery[]): Promise<void> {
    const { registry, writer } = this.#needs;
    await writer.write((transaction) => {
      const consumer = registry.find(projectId, name);
      if (consumer) this.#deliveries.takeBack(transaction, consumer, handed);
    });
  }

  /** Whether there is something to hand out: cheap, for it is asked after every commit. */
  async #hasWork(consumer: DurableConsumer): Promise<boolean> {
    const { store, log, clock } = this.#needs;
    const { projectId, name } = consumer.definition;
    // First, because nothing may happen between finding no work and waiting for some.
    if (consumer.scanned - consumer.saved.sequence > MAX_UNSAVED_EVENTS) await this.#save(consumer);
    if ((store.nextDueAtMs(projectId, name) ?? Infinity) <= clock.nowMs()) return true;
    if (this.#deliveries.unacknowledged(consumer) >= LIMITS.maxUnacknowledged) return false;
    while (consumer.scanned < log.head(projectId)) {
      const page = log.page(projectId, consumer.scanned, SCAN_EVENTS, { vanished: true });
      const wanted = page.entries.find((entry) => consumer.wanted(entry.event));
      consumer.passed(wanted ? wanted.sequence - 1 : page.scannedSequence);
      if (wanted) return true;
      if (consumer.scanned < log.head(projectId)) await new Promise(setImmediate);
    }
    return false;
  }

  async #save(consumer: DurableConsumer): Promise<void> {
    const { projectId, name } = consumer.definition;
    await this.#needs.writer.write((transaction) => {
      const progress = { sequence: this.#deliveries.reached(consumer), lastUsedAtMs: consumer.saved.lastUsedAtMs };
      this.#needs.store.advance(projectId, name, progress);
      transaction.afterCommit(() => consumer.advanced(progress));
    });
  }

  /** Resolves when there may be work: the log has grown, the consumer has changed, or a delivery is due. */
  #nextChange(consumer: DurableConsumer, signal: AbortSignal): Promise<void> {
    const { store, log, clock } = this.#needs;
    const { projectId, name } = consumer.definition;
    return new Promise((resolve) => {
      const settle = (): void => {
        stopCommits();
        stopChanges();
        timer?.cancel();
        signal.removeEventListener('abort', settle);
        resolve();
      };
      const dueAtMs = store.nextDueAtMs(projectId, name);
      const timer = dueAtMs === undefined ? undefined : clock.after(Math.max(1, dueAtMs - clock.nowMs()), settle);
      const stopCommits = log.onCommitTo(projectId, settle);
      const stopChanges = consumer.onChange(settle);
      signal.addEventListener('abort', settle, { once: true });
      if (signal.aborted || consumer.deleted) settle();
    });
  }

  #describe({ definition, saved }: DurableConsumer): Consumer {
    const { store, deadLetters, log } = this.#needs;
    const { projectId, name } = definition;
    return {
      consumer: name,
      project_id: projectId,
      agent_type: definition.agentType,
      interests: [...definition.interests],
      ack_deadline_ms: definition.ackDeadlineMs,
      max_deliveries: definition.maxDeliveries,
      cursor: log.cursor(saved.sequence),
      ...store.counts(projectId, name),
      dead_letters: deadLetters.countOf(projectId, name),
      created_at: isoTime(definition.createdAtMs),
      last_used_at: saved.lastUsedAtMs === null ? null : isoTime(saved.lastUsedAtMs),
    };
  }
}

function isSame(a: ConsumerDefinition, b: ConsumerDefinition): boolean {
  return essenceOf(a) === essenceOf(b);
}

/** What makes a consumer the same, as text. */
function essenceOf({ agentType, agentId, interests, ackDeadlineMs, maxDeliveries }: ConsumerDefinition): string {
  return JSON.stringify([agentType, agentId, interests, ackDeadlineMs, maxDeliveries]);
}

/** One interest for each event type that a subscription names. */
function interestsOf({ topic, event_types: types }: EventSubscription): ConsumerInterest[] {
  return (types ?? [null]).map((event_type) => ({ event_type, topic, filter: null }));
}
