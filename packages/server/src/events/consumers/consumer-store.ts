import type Sqlite from 'better-sqlite3';
import { DeadLetterReason, type ConsumerInterest, type FailedDelivery } from '@orchestration-sidecar/shared';
import type { Database } from '../../storage/database.ts';
import { readStored } from '../../storage/stored-json.ts';

/** A durable consumer as it was made. */
export interface ConsumerDefinition {
  readonly projectId: string;
  readonly name: string;
  /** Agents of this type may use it; null: the operator alone. */
  readonly agentType: string | null;
  /** The one agent it was kept for at its spawn, or null. */
  readonly agentId: string | null;
  readonly interests: readonly ConsumerInterest[];
  readonly ackDeadlineMs: number;
  readonly maxDeliveries: number;
  readonly createdAtMs: number;
}

/** How far a consumer has come. */
export interface ConsumerProgress {
  /** Every event up to here was handed out or not wanted. */
  readonly sequence: number;
  readonly lastUsedAtMs: number | null;
}

/** An event handed out and not acknowledged. */
export interface PendingDelivery {
  readonly sequence: number;
  /** How often it was handed out. */
  readonly attempts: number;
  readonly lease: string | null;
  readonly member: string | null;
  readonly dueAtMs: number;
  readonly history: readonly FailedDelivery[];
  /** The event, once the log no longer has it. */
  readonly body: string | null;
  /** Why it is not handed out again, once the log no longer has the event. */
  readonly lost: DeadLetterReason | null;
}

/** Deliveries of one consumer in numbers. */
export interface DeliveryCounts {
  readonly leased: number;
  readonly waiting: number;
}

interface ConsumerRow extends Omit<ConsumerDefinition, 'interests'>, ConsumerProgress {
  readonly interests: string;
}
interface DeliveryRow extends Omit<PendingDelivery, 'history' | 'lost'> {
  readonly history: string;
  readonly lost: string | null;
}
type Key = [projectId: string, consumer: string];

const CONSUMER = `project_id as projectId, name, agent_type as agentType, agent_id as agentId, interests,
  ack_deadline_ms as ackDeadlineMs, max_deliveries as maxDeliveries, sequence, created_at_ms as createdAtMs,
  last_used_at_ms as lastUsedAtMs`;
const DELIVERY = 'sequence, attempts, lease, member, due_at_ms as dueAtMs, history, body, lost';
const OF_CONSUMER = 'project_id = ? and consumer = ?';

/** Durable consumers and their deliveries in SQLite, by prepared statements: each event passes here twice. */
export class ConsumerStore {
  readonly #all: Sqlite.Statement<[], ConsumerRow>;
  readonly #insert: Sqlite.Statement<[ConsumerRow]>;
  readonly #remove: Sqlite.Statement<Key>;
  readonly #removeDeliveries: Sqlite.Statement<Key>;
  readonly #progress: Sqlite.Statement<Key, ConsumerProgress>;
  readonly #advance: Sqlite.Statement<[number, number | null, ...Key]>;
  readonly #put: Sqlite.Statement<[DeliveryRow & { projectId: string; consumer: string }]>;
  readonly #due: Sqlite.Statement<[...Key, number, number], DeliveryRow>;
  readonly #nextDue: Sqlite.Statement<Key, number | null>;
  readonly #find: Sqlite.Statement<[...Key, number], DeliveryRow>;
  readonly #within: Sqlite.Statement<[...Key, number, number], DeliveryRow>;
  readonly #settle: Sqlite.Statement<[...Key, number]>;
  readonly #counts: Sqlite.Statement<Key, DeliveryCounts>;
  readonly #ended: Sqlite.Statement<[number, number], { projectId: string; name: string }>;

  constructor(database: Database) {
    const { driver } = database;
    this.#all = driver.prepare(`select ${CONSUMER} from consumers`);
    this.#insert = driver.prepare(
      `insert into consumers values (@projectId, @name, @agentType, @agentId, @interests, @ackDeadlineMs, @maxDeliveries,
       @sequence, @createdAtMs, @lastUsedAtMs)`,
    );
    this.#remove = driver.prepare('delete from consumers where project_id = ? and name = ?');
    this.#removeDeliveries = driver.prepare(`delete from deliveries where ${OF_CONSUMER}`);
    this.#progress = driver.prepare(
      'select sequence, last_used_at_ms as lastUsedAtMs from consumers where project_id = ? and name = ?',
    );
    this.#advance = driver.prepare(
      'update consumers set sequence = ?, last_used_at_ms = ? where project_id = ? and name = ?',
    );
    this.#put = driver.prepare(
      `insert or replace into deliveries values (@projectId, @consumer, @sequence, @attempts, @lease, @member, @dueAtMs,
       @history, @body, @lost)`,
    );
    this.#due = driver.prepare(
      `select ${DELIVERY} from deliveries where ${OF_CONSUMER} and due_at_ms <= ? order by sequence limit ?`,
    );
    this.#nextDue = driver
      .prepare<Key, number | null>(`select min(due_at_ms) from deliveries where ${OF_CONSUMER}`)
      .pluck();
    this.#find = driver.prepare(`select ${DELIVERY} from deliveries where ${OF_CONSUMER} and sequence = ?`);
    this.#within = driver.prepare(
      `select ${DELIVERY} from deliveries where ${OF_CONSUMER} and sequence between ? and ?`,
    );
    this.#settle = driver.prepare(`delete from deliveries where ${OF_CONSUMER} and sequence = ?`);
    this.#counts = driver.prepare(
      `select coalesce(sum(lease is not null), 0) as leased, coalesce(sum(lease is null), 0) as waiting
       from deliveries where ${OF_CONSUMER}`,
    );
    this.#ended = driver.prepare(
      `select distinct c.project_id as projectId, c.name as name from deliveries d
       join consumers c on c.project_id = d.project_id and c.name = d.consumer
       where d.due_at_ms <= ? and d.lease is not null and (d.lost is not null or d.attempts >= c.max_deliveries) limit ?`,
    );
  }

  /** All consumers with their progress. */
  all(): (ConsumerDefinition & ConsumerProgress)[] {
    return this.#all.all().map((row) => ({ ...row, interests: readStored<ConsumerInterest[]>(row.interests) }));
  }

  /** Adds a consumer; call inside a write transaction, as all that change something. */
  insert(consumer: ConsumerDefinition & ConsumerProgress): void {
    this.#insert.run({ ...consumer, interests: JSON.stringify(consumer.interests) });
  }

  /** Removes a consumer with its deliveries; removing one that is not there changes nothing. */
  remove(projectId: string, name: string): void {
    this.#removeDeliveries.run(projectId, name);
    this.#remove.run(projectId, name);
  }

  /** How far a consumer has come, the running transaction included. */
  progress(projectId: string, name: string): ConsumerProgress | undefined {
    return this.#progress.get(projectId, name);
  }

  /** Writes down how far a consumer has come. */
  advance(projectId: string, name: string, { sequence, lastUsedAtMs }: ConsumerProgress): void {
    this.#advance.run(sequence, lastUsedAtMs, projectId, name);
  }

  /** Adds a delivery, or replaces the one of the same event. */
  put(projectId: string, consumer: string, delivery: PendingDelivery): void {
    this.#put.run({ ...delivery, projectId, consumer, history: JSON.stringify(delivery.history) });
  }

  /** Removes the delivery of an event. */
  settle(projectId: string, consumer: string, sequence: number): void {
    this.#settle.run(projectId, consumer, sequence);
  }

  /** Deliveries whose lease or waiting is over, oldest event first. */
  due(projectId: string, consumer: string, nowMs: number, limit: number): PendingDelivery[] {
    return this.#due.all(projectId, consumer, nowMs, limit).map(toDelivery);
  }

  /** When the next delivery is due, if there is one. */
  nextDueAtMs(projectId: string, consumer: string): number | undefined {
    return this.#nextDue.get(projectId, consumer) ?? undefined;
  }

  /** The delivery of an event. */
  find(projectId: string, consumer: string, sequence: number): PendingDelivery | undefined {
    const row = this.#find.get(projectId, consumer, sequence);
    return row && toDelivery(row);
  }

  /** Deliveries of the events from one sequence to another. */
  within(projectId: string, consumer: string, first: number, last: number): PendingDelivery[] {
    return this.#within.all(projectId, consumer, first, last).map(toDelivery);
  }

  /** Deliveries in numbers. */
  counts(projectId: string, consumer: string): DeliveryCounts {
    return this.#counts.get(projectId, consumer) ?? { leased: 0, waiting: 0 };
  }

  /** Consumers with deliveries that ended for good without anyone taking note. */
  withEndedDeliveries(nowMs: number, limit: number): { projectId: string; name: string }[] {
    return this.#ended.all(nowMs, limit);
  }
}

function toDelivery(row: DeliveryRow): PendingDelivery {
  return {
    ...row,
    history: row.history === '[]' ? [] : readStored<FailedDelivery[]>(row.history),
    lost: row.lost === null ? null : DeadLetterReason.parse(row.lost),
  };
}
