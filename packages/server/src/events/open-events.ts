import type { CircuitBreakers } from '../runtime/circuit-breakers.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Config } from '../runtime/config.ts';
import type { Ids } from '../runtime/ids.ts';
import type { Scope } from '../runtime/scope.ts';
import type { Database } from '../storage/database.ts';
import type { Writer } from '../storage/writer.ts';
import type { Logger } from '../telemetry/logger.ts';
import { ConsumerRegistry, Consumers, ConsumerStore, DeadLetters, DeadLetterStore } from './consumers/index.ts';
import { EventBus } from './event-bus.ts';
import { EventLogMirror } from './event-log-mirror.ts';
import { EventLog } from './event-log.ts';
import { Retention } from './retention.ts';
import { Subscribers } from './subscribers.ts';

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** What the event bus needs. */
export interface EventsNeeds {
  readonly config: Config;
  readonly database: Database;
  readonly writer: Writer;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly breakers: CircuitBreakers;
  /** File of the mirror. */
  readonly mirrorFile: string;
}

/** The event bus and what stands around its log. */
export interface Events {
  readonly log: EventLog;
  readonly events: EventBus;
  readonly subscribers: Subscribers;
  readonly registry: ConsumerRegistry;
  readonly consumers: Consumers;
  readonly deadLetters: DeadLetters;
  readonly eventLogMirror: EventLogMirror;
  readonly retention: Retention;
}

/**
 * Opens the log with everything that reads it: bus, kept consumers, dead letters, mirror, retention.
 * @param scope closes them, the last opened first.
 */
export function openEvents(
  { config, database, writer, clock, ids, logger, breakers, mirrorFile }: EventsNeeds,
  scope: Scope,
): Events {
  const log = new EventLog({
    database,
    ids,
    nowMs: () => clock.nowMs(),
    retentionMs: config.eventRetentionHours * HOUR_MS,
  });
  const store = new ConsumerStore(database);
  const registry = new ConsumerRegistry(store);
  const subscribers = new Subscribers(registry);
  const events = new EventBus({ log, subscribers, writer, clock });
  const breaker = breakers.around({ kind: 'event_mirror', name: 'event mirror' });
  const eventLogMirror = new EventLogMirror(mirrorFile, log, { clock, logger, breaker });
  scope.own('event log mirror', eventLogMirror, (it) => it.close());
  const deadLetters = new DeadLetters({
    store: new DeadLetterStore(database),
    writer,
    clock,
    ids,
    retentionMs: config.deadLetterRetentionDays * DAY_MS,
  });
  const consumers = new Consumers({ store, registry, deadLetters, log, writer, clock, ids });
  const retention = new Retention({
    log,
    consumers,
    deadLetters,
    writer,
    clock,
    logger,
    maxLogEvents: config.maxProjectEvents,
  });
  scope.own('retention', retention, (it) => it.close());
  return { log, events, subscribers, registry, consumers, deadLetters, eventLogMirror, retention };
}
