import {
  LIMITS,
  SidecarError,
  type DeadLetterReason,
  type Delivery,
  type SidecarEvent,
} from '@orchestration-sidecar/shared';
import { isoTime, type Clock } from '../../runtime/clock.ts';
import type { Ids } from '../../runtime/ids.ts';
import { readStored } from '../../storage/stored-json.ts';
import type { Transaction } from '../../storage/writer.ts';
import type { EventLog } from '../event-log.ts';
import type { Leaving } from '../event-store.ts';
import type { ConsumerStore, PendingDelivery } from './consumer-store.ts';
import type { DeadLetters } from './dead-letters.ts';
import { failed, fresh, isHeld, leased, notTaken, redriven, type Failed } from './delivery.ts';
import type { DurableConsumer } from './durable-consumer.ts';

/** What the deliveries need. */
export interface DeliveriesNeeds {
  readonly store: ConsumerStore;
  readonly deadLetters: DeadLetters;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** Why a lease ends, and when the event may be handed out again. */
export interface Failure {
  readonly outcome: 'nack' | 'refused' | 'deadline';
  readonly detail: string | null;
  readonly delayMs: number;
}

/** What ending leases came to. */
export interface Ended {
  acknowledged: number;
  returned: number;
  dead: number;
  /** Leases that did not hold any more. */
  lost: string[];
}

const DEADLINE_PASSED: Failure = { outcome: 'deadline', detail: null, delayMs: 0 };
/** Entries looked at in one go. */
export const SCAN_EVENTS = 256;
/** Text of the events that are handed out at once at most, unless a single one is larger. */
const MAX_HANDED_CHARS = 4 * 1024 * 1024;
/** Entries looked at in one transaction. */
const MAX_SCANNED_EVENTS = 4096;
const NO_LIMIT = -1;

/** What one member takes at once. */
interface Handful {
  readonly member: string;
  readonly nowMs: number;
  readonly deliveries: Delivery[];
  /** Events and characters that still fit in. */
  events: number;
  chars: number;
}

/** The deliveries of all consumers. What changes something is called inside a write transaction. */
export class Deliveries {
  readonly #needs: DeliveriesNeeds;

  constructor(needs: DeliveriesNeeds) {
    this.#needs = needs;
  }

  /** Hands out at most `limit` events: first those whose turn has come again, then the next of the log. */
  handOut(transaction: Transaction, consumer: DurableConsumer, member: string, limit: number): Delivery[] {
    const { store, clock } = this.#needs;
    const { projectId, name } = consumer.definition;
    const nowMs = clock.nowMs();
    const handful: Handful = { member, nowMs, deliveries: [], events: limit, chars: MAX_HANDED_CHARS };
    this.#handReturned(consumer, handful);
    handful.events = Math.min(handful.events, LIMITS.maxUnacknowledged - this.unacknowledged(consumer));
    const progress = { sequence: this.#handNew(consumer, handful), lastUsedAtMs: nowMs };
    store.advance(projectId, name, progress);
    transaction.afterCommit(() => consumer.advanced(progress));
    return handful.deliveries;
  }

  /**
   * Ends leases by those who hold them.
   * @throws {SidecarError} `LEASE_LOST` when none of them holds any more.
   */
  end(
    transaction: Transaction,
    consumer: DurableConsumer,
    leases: readonly string[],
    how: 'acknowledged' | Failure,
  ): Ended {
    const { store, clock } = this.#needs;
    const { projectId, name } = consumer.definition;
    const nowMs = clock.nowMs();
    const ended: Ended = { acknowledged: 0, returned: 0, dead: 0, lost: [] };
    for (const lease of new Set(leases)) {
      const sequence = sequenceOf(lease);
      const delivery = store.find(projectId, name, sequence);
      if (!delivery || !isHeld(delivery, lease, nowMs)) {
        ended.lost.push(lease);
      } else if (how === 'acknowledged') {
        store.settle(projectId, name, sequence);
        ended.acknowledged += 1;
      } else {
        const { kind } = this.#fail(consumer, delivery, how);
        ended[kind === 'dead' ? 'dead' : 'returned'] += 1;
      }
    }
    if (ended.acknowledged + ended.returned + ended.dead === 0) {
      throw new SidecarError('LEASE_LOST', undefined, { extension: { lost: ended.lost } });
    }
    transaction.afterCommit(() => consumer.changed());
    return ended;
  }

  /** Undoes handing out, as if it had not been: the next member gets the events at once, and nothing is counted. */
  takeBack(transaction: Transaction, consumer: DurableConsumer, handed: readonly Delivery[]): void {
    const { store, clock } = this.#needs;
    const { projectId, name } = consumer.definition;
    const nowMs = clock.nowMs();
    for (const { lease } of handed) {
      const delivery = store.find(projectId, name, sequenceOf(lease));
      if (delivery && isHeld(delivery, lease, nowMs)) store.put(projectId, name, notTaken(delivery, nowMs));
    }
    transaction.afterCommit(() => consumer.changed());
  }

  /**
   * Hands an event out again that had become a dead letter. A consumer made anew under the same name may still have it
   * before it, or have it out: then it is not given to it a second time.
   */
  redrive(transaction: Transaction, consumer: DurableConsumer, sequence: number, body: string): void {
    const { store } = this.#needs;
    const { projectId, name } = consumer.definition;
    if (store.find(projectId, name, sequence)) return;
    store.put(projectId, name, redriven(sequence, body));
    transaction.afterCommit(() => consumer.changed());
  }

  /** Keeps what a consumer still has to get of events that are leaving the log; in the transaction that removes them. */
  outlive(
    consumer: DurableConsumer,
    events: readonly Leaving[],
    { reason, read }: { readonly reason: DeadLetterReason; readonly read: (event: Leaving) => SidecarEvent },
  ): void {
    const { projectId, name } = consumer.definition;
    const sequences = events.map((event) => event.sequence);
    const [first, last] = [Math.min(...sequences), Math.max(...sequences)];
    const pending = new Map(
      this.#needs.store.within(projectId, name, first, last).map((delivery) => [delivery.sequence, delivery]),
    );
    const reached = consumer.unused ? last : this.reached(consumer);
    if (pending.size === 0 && reached >= last) return;
    for (const event of events) {
      const { sequence, json } = event;
      const delivery = pending.get(sequence);
      // A redriven event has its text with it: it was asked for by hand.
      if (delivery?.body === null) this.#survive(consumer, { ...delivery, body: json }, reason);
      else if (!delivery && sequence > reached && consumer.wanted(read(event))) {
        this.#bury(consumer, { ...fresh(sequence), body: json }, reason);
      }
    }
  }

  /** Settles leases of a consumer that ended while nobody consumed, at most `limit`; answers how many. */
  settleEnded(transaction: Transaction, consumer: DurableConsumer, limit: number): number {
    const { store, clock } = this.#needs;
    const { projectId, name } = consumer.definition;
    const due = store.due(projectId, name, clock.nowMs(), NO_LIMIT);
    const ended = due.filter(({ lease }) => lease !== null).slice(0, limit);
    for (const delivery of ended) this.#fail(consumer, delivery, DEADLINE_PASSED);
    transaction.afterCommit(() => consumer.changed());
    return ended.length;
  }

  /** How far a consumer has come, the running transaction included. */
  reached(consumer: DurableConsumer): number {
    const { projectId, name } = consumer.definition;
    return Math.max(consumer.scanned, this.#needs.store.progress(projectId, name)?.sequence ?? 0);
  }

  /** Deliveries of a consumer that are not done with. */
  unacknowledged(consumer: DurableConsumer): number {
    const { projectId, name } = consumer.definition;
    const { leased: held, waiting } = this.#needs.store.counts(projectId, name);
    return held + waiting;
  }

  #handReturned(consumer: DurableConsumer, handful: Handful): void {
    const { store, log } = this.#needs;
    const { projectId, name } = consumer.definition;
    for (const due of store.due(projectId, name, handful.nowMs, handful.events)) {
      if (handful.chars <= 0) return;
      const failure = due.lease === null ? undefined : this.#fail(consumer, due, DEADLINE_PASSED);
      if (failure?.kind === 'dead') continue;
      const delivery = failure?.delivery ?? due;
      const json = delivery.body ?? log.at(projectId, delivery.sequence)?.json;
      if (json === undefined) store.settle(projectId, name, delivery.sequence);
      else this.#hand(consumer, delivery, { event: readStored<SidecarEvent>(json), json }, handful);
    }
  }

  /** Hands out events for the first time; answers up to where the log is done with. */
  #handNew(consumer: DurableConsumer, handful: Handful): number {
    const { log, store } = this.#needs;
    const { projectId, name } = consumer.definition;
    let sequence = this.reached(consumer);
    if (handful.events <= 0) return sequence;
    for (let scanned = 0; scanned < MAX_SCANNED_EVENTS && sequence < log.head(projectId); scanned += SCAN_EVENTS) {
      const page = log.page(projectId, sequence, SCAN_EVENTS, { vanished: true });
      // Pending, or out with a member, before the consumer came to them.
      const ahead = store.within(projectId, name, sequence + 1, page.scannedSequence);
      const known = new Set(ahead.map((delivery) => delivery.sequence));
      for (const entry of page.entries) {
        if (handful.events <= 0 || handful.chars <= 0) return sequence;
        sequence = entry.sequence;
        if (known.has(sequence) || !consumer.wanted(entry.event)) continue;
        if (entry.vanishesAtMs > handful.nowMs) this.#hand(consumer, fresh(sequence), entry, handful);
        else if (!consumer.unused) this.#bury(consumer, fresh(sequence), 'expired');
      }
      sequence = page.scannedSequence;
    }
    return sequence;
  }

  #hand(
    consumer: DurableConsumer,
    delivery: PendingDelivery,
    { event, json }: { readonly event: SidecarEvent; readonly json: string },
    handful: Handful,
  ): void {
    const { store, ids } = this.#needs;
    const { projectId, name, ackDeadlineMs } = consumer.definition;
    const { member, nowMs } = handful;
    const deadlineMs = nowMs + ackDeadlineMs;
    const lease = `${delivery.sequence}.${ids.secret(9)}`;
    const held = leased(delivery, { lease, member, deadlineMs });
    store.put(projectId, name, held);
    handful.deliveries.push({ event, lease, delivery: held.attempts, deadline: isoTime(deadlineMs) });
    handful.events -= 1;
    handful.chars -= json.length;
  }

  #fail(consumer: DurableConsumer, delivery: PendingDelivery, failure: Failure): Failed {
    const { store, clock } = this.#needs;
    const { projectId, name, maxDeliveries } = consumer.definition;
    const result = failed(delivery, { ...failure, nowMs: clock.nowMs() }, maxDeliveries);
    if (result.kind === 'waiting') store.put(projectId, name, result.delivery);
    else this.#bury(consumer, result.delivery, result.reason);
    return result;
  }

  /** A leased event may still be acknowledged after it has left the log; a waiting one is given up. */
  #survive(consumer: DurableConsumer, delivery: PendingDelivery, reason: DeadLetterReason): void {
    const { projectId, name } = consumer.definition;
    if (delivery.lease === null) this.#bury(consumer, delivery, reason);
    else this.#needs.store.put(projectId, name, { ...delivery, lost: reason });
  }

  #bury(consumer: DurableConsumer, delivery: PendingDelivery, reason: DeadLetterReason): void {
    const { store, deadLetters, log } = this.#needs;
    const { projectId, name } = consumer.definition;
    const body = delivery.body ?? log.at(projectId, delivery.sequence)?.json;
    store.settle(projectId, name, delivery.sequence);
    if (body !== undefined) deadLetters.add(consumer.definition, delivery, { reason, body });
  }
}

/** The event that a lease is of; 0 when it names none. */
function sequenceOf(lease: string): number {
  const sequence = Number(lease.slice(0, Math.max(0, lease.indexOf('.'))));
  return Number.isSafeInteger(sequence) ? sequence : 0;
}
