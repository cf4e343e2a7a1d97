import type { Delivery } from '@orchestration-sidecar/shared';
import { FakeClock } from '../runtime/fake-clock.ts';
import { createIds } from '../runtime/ids.ts';
import { openTemporaryStore, type TemporaryStore } from '../storage/temporary-store.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { ConsumerRegistry, Consumers, ConsumerStore, DeadLetters, DeadLetterStore } from './consumers/index.ts';
import { EventBus, type Publication } from './event-bus.ts';
import { EventLog } from './event-log.ts';
import { Retention } from './retention.ts';
import { Subscribers } from './subscribers.ts';

/** The event room on a real store, with a clock that stands still. For tests. */
export class TestBus {
  readonly clock = new FakeClock();
  readonly #maxLogEvents: number;
  readonly #retentionMs: number | undefined;
  #store: TemporaryStore;
  #parts: ReturnType<TestBus['open']>;

  constructor(maxLogEvents = 1_000_000, retentionMs?: number) {
    this.#maxLogEvents = maxLogEvents;
    this.#retentionMs = retentionMs;
    this.#store = openTemporaryStore();
    this.#parts = this.open();
  }

  get store(): TemporaryStore {
    return this.#store;
  }
  get log(): EventLog {
    return this.#parts.log;
  }
  get bus(): EventBus {
    return this.#parts.bus;
  }
  get consumers(): Consumers {
    return this.#parts.consumers;
  }
  get deadLetters(): DeadLetters {
    return this.#parts.deadLetters;
  }
  get retention(): Retention {
    return this.#parts.retention;
  }

  /** Closes everything and opens it again on the same files. */
  restart(): void {
    this.#store = this.#store.reopen();
    this.#parts = this.open();
  }

  /** Publishes one event of a type to project `p`. */
  publish(eventType: string, over: Partial<Publication> = {}): ReturnType<EventBus['publish']> {
    return this.bus.publish({
      projectId: 'p',
      eventType,
      topic: 'implementation',
      publisher: 'a-1',
      publisherType: 'a',
      data: {},
      ...over,
    });
  }

  /** Makes a consumer of everything in project `p`. */
  create(name: string, over: Partial<Parameters<Consumers['create']>[0]> = {}): ReturnType<Consumers['create']> {
    const rules = { ackDeadlineMs: 1000, maxDeliveries: 3 };
    return this.consumers.create({ projectId: 'p', name, agentType: null, ...rules, ...over });
  }

  /** Takes what is there now. */
  take(name: string, limit = 500, member = 'm'): Promise<Delivery[]> {
    const call = { projectId: 'p', name, user: null, member, limit, timeoutMs: 0 };
    return this.consumers.consume(call, new AbortController().signal);
  }

  ack(name: string, ...deliveries: readonly Delivery[]): ReturnType<Consumers['ack']> {
    const leases = deliveries.map(({ lease }) => lease);
    return this.consumers.ack({ projectId: 'p', name, user: null, leases });
  }

  nack(name: string, delivery: Delivery, over: { refuse?: boolean; delayMs?: number } = {}): Promise<unknown> {
    const outcome = over.refuse ? 'refused' : 'nack';
    const failure = { outcome, detail: 'no', delayMs: over.delayMs ?? 0 } as const;
    return this.consumers.nack({ projectId: 'p', name, user: null, leases: [delivery.lease] }, failure);
  }

  /** Dead letters of project `p`, oldest first. */
  dead(): { consumer: string; reason: string; type: string; id: string }[] {
    const { dead_letters } = this.deadLetters.list({ projectId: 'p', user: null, limit: 1000 });
    return dead_letters
      .toReversed()
      .map(({ consumer, reason, event, dead_letter_id: id }) => ({ consumer, reason, type: event.event_type, id }));
  }

  [Symbol.dispose](): void {
    this.#store[Symbol.dispose]();
  }

  private open() {
    const { clock } = this;
    const { database, writer } = this.#store;
    const ids = createIds(() => clock.nowMs());
    const retentionMs = this.#retentionMs;
    const log = new EventLog({ database, ids, nowMs: () => clock.nowMs(), ...(retentionMs && { retentionMs }) });
    const store = new ConsumerStore(database);
    const registry = new ConsumerRegistry(store);
    const bus = new EventBus({ log, subscribers: new Subscribers(registry), writer, clock });
    const deadLetters = new DeadLetters({ store: new DeadLetterStore(database), writer, clock, ids });
    const consumers = new Consumers({ store, registry, deadLetters, log, writer, clock, ids });
    const retention = new Retention({
      log,
      consumers,
      deadLetters,
      writer,
      clock,
      logger: silentLogger,
      maxLogEvents: this.#maxLogEvents,
    });
    return { log, bus, consumers, deadLetters, retention };
  }
}
