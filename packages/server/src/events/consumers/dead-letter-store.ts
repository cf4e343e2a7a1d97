import type Sqlite from 'better-sqlite3';
import { and, count, desc, eq, getTableColumns, lt, sql } from 'drizzle-orm';
import {
  DeadLetterReason,
  SidecarError,
  type DeadLetter,
  type FailedDelivery,
  type SidecarEvent,
} from '@orchestration-sidecar/shared';
import { isoTime } from '../../runtime/clock.ts';
import type { Database } from '../../storage/database.ts';
import { pageLength } from '../../storage/page-length.ts';
import { deadLetterEvents, deadLetters } from '../../storage/schema.ts';
import { readStored } from '../../storage/stored-json.ts';
import type { Transaction } from '../../storage/writer.ts';

/** A dead letter with what callers do not see of it. */
export interface StoredDeadLetter {
  readonly deadLetter: DeadLetter;
  /** Agents of this type may see it; null: the operator alone. */
  readonly agentType: string | null;
  readonly sequence: number;
  /** Place in the list. */
  readonly place: number;
  /** The event’s text. */
  readonly body: string;
}

/** What became of an event. */
export interface NewDeadLetter {
  readonly deadLetterId: string;
  readonly projectId: string;
  readonly consumer: string;
  readonly agentType: string | null;
  readonly sequence: number;
  readonly reason: DeadLetterReason;
  readonly detail: string | null;
  readonly attempts: number;
  readonly history: readonly FailedDelivery[];
  readonly body: string;
  readonly createdAtMs: number;
}

/** Which dead letters to list. */
export interface DeadLetterSelection {
  readonly projectId: string;
  readonly consumer?: string | undefined;
  readonly reason?: string | undefined;
  /** Only those that agents of this type may see; null: all. */
  readonly agentType: string | null;
  /** Place of the last one of the page before. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** From when on dead letters go, how many of a project stay, and how many are looked at. */
export interface DeadLetterBounds {
  readonly beforeMs: number;
  readonly maxKept: number;
  readonly limit: number;
}

/** A dead letter as a clean-up looks at it. */
export interface AgedDeadLetter {
  readonly deadLetterId: string;
  readonly projectId: string;
  readonly sequence: number;
  /** Size of what is its own, and of the event, which it may share with others. */
  readonly ownBytes: number;
  readonly eventBytes: number;
}

const AGED = `dead_letter_id as deadLetterId, l.project_id as projectId, l.sequence as sequence,
  octet_length(history) as ownBytes, octet_length(body) as eventBytes`;
const LETTERS = 'dead_letters l join dead_letter_events e on e.project_id = l.project_id and e.sequence = l.sequence';
const OF_EVENT = and(
  eq(deadLetterEvents.projectId, deadLetters.projectId),
  eq(deadLetterEvents.sequence, deadLetters.sequence),
);
const { body } = getTableColumns(deadLetterEvents);
const STORED = { ...getTableColumns(deadLetters), body };

/** Dead letters in SQLite. */
export class DeadLetterStore {
  readonly #database: Database;
  readonly #insert: Sqlite.Statement<[Omit<NewDeadLetter, 'history'> & { history: string }]>;
  readonly #isKept: Sqlite.Statement<[projectId: string, sequence: number], object>;
  readonly #keep: Sqlite.Statement<[Omit<NewDeadLetter, 'history'> & { history: string }]>;

  constructor(database: Database) {
    this.#database = database;
    // What is trimmed becomes one for each consumer that is behind: thousands at once, and a query builder would take
    // most of the time.
    this.#insert = database.driver.prepare(
      `insert into dead_letters (dead_letter_id, project_id, consumer, agent_type, sequence, reason, detail, attempts,
         history, created_at_ms)
       values (@deadLetterId, @projectId, @consumer, @agentType, @sequence, @reason, @detail, @attempts, @history,
         @createdAtMs)`,
    );
    this.#isKept = database.driver.prepare('select 1 from dead_letter_events where project_id = ? and sequence = ?');
    this.#keep = database.driver.prepare(
      'insert into dead_letter_events (project_id, sequence, body) values (@projectId, @sequence, @body)',
    );
  }

  /** Adds one; call inside a write transaction. */
  insert(letter: NewDeadLetter): void {
    const history = JSON.stringify(letter.history);
    if (this.#isKept.get(letter.projectId, letter.sequence) === undefined) this.#keep.run({ ...letter, history });
    this.#insert.run({ ...letter, history });
  }

  /** Newest first, as many as are asked for and fit into a page; whether there are more. */
  list(selection: DeadLetterSelection): { letters: StoredDeadLetter[]; hasMore: boolean } {
    const { projectId, consumer, reason, agentType, before, limit } = selection;
    const where = and(
      eq(deadLetters.projectId, projectId),
      consumer === undefined ? undefined : eq(deadLetters.consumer, consumer),
      reason === undefined ? undefined : eq(deadLetters.reason, reason),
      agentType === null ? undefined : eq(deadLetters.agentType, agentType),
      before === undefined ? undefined : lt(deadLetters.id, before),
    );
    const bytes = sql<number>`octet_length(${body}) + octet_length(${deadLetters.history})`;
    const sizes = this.#database.query
      .select({ bytes })
      .from(deadLetters)
      .innerJoin(deadLetterEvents, OF_EVENT)
      .where(where)
      .orderBy(desc(deadLetters.id))
      .limit(limit + 1)
      .all();
    const length = pageLength(sizes, limit);
    const rows = this.#database.query
      .select(STORED)
      .from(deadLetters)
      .innerJoin(deadLetterEvents, OF_EVENT)
      .where(where)
      .orderBy(desc(deadLetters.id))
      .limit(length)
      .all();
    return { letters: rows.map(toStored), hasMore: sizes.length > length };
  }

  /** @throws {SidecarError} `DEAD_LETTER_NOT_FOUND`, also for one that exists in another project only. */
  require(projectId: string, deadLetterId: string): StoredDeadLetter {
    const where = and(eq(deadLetters.deadLetterId, deadLetterId), eq(deadLetters.projectId, projectId));
    const row = this.#database.query
      .select(STORED)
      .from(deadLetters)
      .innerJoin(deadLetterEvents, OF_EVENT)
      .where(where)
      .get();
    if (!row) throw new SidecarError('DEAD_LETTER_NOT_FOUND', `There is no dead letter ${deadLetterId}.`);
    return toStored(row);
  }

  /** How many a consumer has. */
  countOf(projectId: string, consumer: string): number {
    const where = and(eq(deadLetters.projectId, projectId), eq(deadLetters.consumer, consumer));
    return this.#database.query.select({ n: count() }).from(deadLetters).where(where).get()?.n ?? 0;
  }

  /** How many there are, over all projects. */
  count(): number {
    return this.#database.query.select({ n: count() }).from(deadLetters).get()?.n ?? 0;
  }

  /** Removes some, and events that no other is of. */
  remove(transaction: Transaction, deadLetterIds: readonly string[]): void {
    const { driver } = transaction.database;
    const remove = driver.prepare<[string], { projectId: string; sequence: number }>(
      'delete from dead_letters where dead_letter_id = ? returning project_id as projectId, sequence',
    );
    const forget = driver.prepare<[{ projectId: string; sequence: number }]>(
      `delete from dead_letter_events where project_id = @projectId and sequence = @sequence and not exists
         (select 1 from dead_letters where project_id = @projectId and sequence = @sequence)`,
    );
    for (const removed of deadLetterIds.flatMap((id) => remove.all(id))) forget.run(removed);
  }

  /** What is older than a time and, of each project, what is beyond `maxKept`; at most `limit` of either. */
  due(bounds: DeadLetterBounds): AgedDeadLetter[] {
    const { driver } = this.#database;
    const aged = driver
      .prepare<[DeadLetterBounds], AgedDeadLetter>(
        `select ${AGED} from ${LETTERS} where created_at_ms < @beforeMs order by created_at_ms limit @limit`,
      )
      .all(bounds);
    const crowded = driver
      .prepare<[number], string>('select project_id from dead_letters group by project_id having count(*) > ?')
      .pluck()
      .all(bounds.maxKept);
    return [...aged, ...crowded.flatMap((projectId) => this.#surplus(projectId, bounds))];
  }

  #surplus(projectId: string, bounds: DeadLetterBounds): AgedDeadLetter[] {
    return this.#database.driver
      .prepare<[DeadLetterBounds & { projectId: string }], AgedDeadLetter>(
        `select ${AGED} from (
           select * from dead_letters where project_id = @projectId order by id desc limit @limit offset @maxKept
         ) l join dead_letter_events e on e.project_id = l.project_id and e.sequence = l.sequence
         where created_at_ms >= @beforeMs`,
      )
      .all({ ...bounds, projectId });
  }
}

function toStored(row: typeof deadLetters.$inferSelect & { readonly body: string }): StoredDeadLetter {
  return {
    agentType: row.agentType,
    sequence: row.sequence,
    place: row.id,
    body: row.body,
    deadLetter: {
      dead_letter_id: row.deadLetterId,
      project_id: row.projectId,
      consumer: row.consumer,
      reason: DeadLetterReason.parse(row.reason),
      detail: row.detail,
      deliveries: row.attempts,
      history: readStored<FailedDelivery[]>(row.history),
      event: readStored<SidecarEvent>(row.body),
      created_at: isoTime(row.createdAtMs),
    },
  };
}
