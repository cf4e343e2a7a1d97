import type Sqlite from 'better-sqlite3';
import { formatCursor, LIMITS, type SidecarEvent } from '@orchestration-sidecar/shared';
import { withinSize } from '../storage/clean-up/index.ts';
import type { Database } from '../storage/database.ts';
import { readStored } from '../storage/stored-json.ts';
import type { EventEntry } from './event-entry.ts';

interface Row {
  readonly sequence: number;
  readonly accepted_at_ms: number;
  readonly expires_at_ms: number;
  readonly body: string;
}

/** Where one project’s log begins and ends. */
export interface LogBounds {
  /** Newest sequence that age or number took away; see {@link EventLog}. */
  readonly trimmedSequence: number;
  /** Sequence of the newest event ever taken. */
  readonly headSequence: number;
  /** Events kept. */
  readonly retained: number;
}

/** An event that is due to leave the log. */
export interface Leaving {
  readonly id: number;
  readonly projectId: string;
  readonly sequence: number;
  readonly expiresAtMs: number;
  /** Whether its own time to live was shorter than the log’s age: nobody is told of its going. */
  readonly vanished: 0 | 1;
  readonly json: string;
}

/** Text of events that leave at once, unless a single one is larger: a few milliseconds of the event loop. */
const MAX_LEAVING_CHARS = 1024 * 1024;

const COLUMNS = 'sequence, accepted_at_ms, expires_at_ms, body';

/** What is stored of an event, as {@link NEW_COLUMNS} names it. */
type NewRow = [string, number, string, string, string, number, number, string];
const NEW_COLUMNS = 'events (project_id, sequence, event_id, event_type, topic, accepted_at_ms, expires_at_ms, body)';
const NEW_ROW = '(?, ?, ?, ?, ?, ?, ?, ?)';
/**
 * Rows that one statement adds, for two thirds of what as many statements cost. Were it to undo only itself when a row is
 * refused, SQLite would keep what the pages held before, which costs more than is gained: it undoes the whole transaction.
 */
const ROWS_AT_ONCE = 20;

/**
 * Events in SQLite. Uses the driver’s prepared statements: this is the hottest path of the sidecar, and a query
 * builder’s overhead per row is several times the cost of the insert itself.
 */
export class EventStore {
  readonly #epoch: string;
  /** Events whose time to live is shorter than this vanish by themselves. */
  readonly #shortLifeMs: number;
  readonly #insert: Sqlite.Statement;
  /** As many as {@link ROWS_AT_ONCE}. */
  readonly #insertSome: Sqlite.Statement;
  readonly #page: Sqlite.Statement<[string, number, number, number], Row>;
  readonly #pageOfType: Sqlite.Statement<[string, string, number, number, number], Row>;
  readonly #byEventId: Sqlite.Statement<[string, string], Row>;
  readonly #next: Sqlite.Statement<[string, number], number>;
  readonly #head: Sqlite.Statement<[string], number | null>;
  readonly #retained: Sqlite.Statement<[string], number>;
  readonly #position: Sqlite.Statement<[string], { trimmed: number; head: number }>;
  readonly #setPosition: Sqlite.Statement<[string, number, number]>;
  readonly #expired: Sqlite.Statement<[number, number, number, number, number], Leaving>;
  readonly #oldest: Sqlite.Statement<[string, number], Leaving>;
  readonly #remove: Sqlite.Statement<[number]>;
  readonly #count: Sqlite.Statement<[], number>;
  readonly #firstOfNewest: Sqlite.Statement<[number], number | null>;
  readonly #textsFrom: Sqlite.Statement<[number, number], { id: number; body: string }>;

  /** @param retentionMs how long events are kept that do not say how long. */
  constructor(database: Database, retentionMs: number) {
    const { driver } = database;
    this.#epoch = database.epoch;
    // What was kept a day by default stays a gap when the setting is raised beyond a day. What a setting below a day
    // kept counts as short-lived once that is raised.
    this.#shortLifeMs = Math.min(retentionMs, LIMITS.defaultEventTtlSeconds * 1000);
    this.#insert = driver.prepare(`insert into ${NEW_COLUMNS} values ${NEW_ROW}`);
    const rows = Array.from({ length: ROWS_AT_ONCE }, () => NEW_ROW).join();
    this.#insertSome = driver.prepare(`insert or rollback into ${NEW_COLUMNS} values ${rows}`);
    this.#page = driver.prepare(
      `select ${COLUMNS} from events where project_id = ? and sequence > ? and sequence <= ? order by sequence limit ?`,
    );
    this.#pageOfType = driver.prepare(
      `select ${COLUMNS} from events indexed by events_by_type
       where project_id = ? and event_type = ? and sequence > ? and sequence <= ? order by sequence limit ?`,
    );
    this.#byEventId = driver.prepare(`select ${COLUMNS} from events where event_id = ? and project_id = ?`);
    this.#next = driver
      .prepare<[string, number], number>(
        'select sequence from events where project_id = ? and sequence > ? order by sequence limit 1',
      )
      .pluck();
    this.#head = driver
      .prepare<[string], number | null>('select max(sequence) from events where project_id = ?')
      .pluck();
    this.#retained = driver.prepare<[string], number>('select count(*) from events where project_id = ?').pluck();
    this.#position = driver.prepare(
      'select trimmed_sequence as trimmed, head_sequence as head from log_positions where project_id = ?',
    );
    this.#setPosition = driver.prepare(
      `insert into log_positions (project_id, trimmed_sequence, head_sequence) values (?, ?, ?)
       on conflict do update set trimmed_sequence = excluded.trimmed_sequence, head_sequence = excluded.head_sequence`,
    );
    this.#expired = driver.prepare(
      `select id, project_id as projectId, sequence, expires_at_ms as expiresAtMs,
         expires_at_ms - accepted_at_ms < ? as vanished, body as json
       from events where expires_at_ms <= ? and (expires_at_ms, id) > (?, ?) order by expires_at_ms, id limit ?`,
    );
    this.#oldest = driver.prepare(
      `select id, project_id as projectId, sequence, expires_at_ms as expiresAtMs, 0 as vanished, body as json
       from events where project_id = ? order by sequence limit ?`,
    );
    this.#remove = driver.prepare('delete from events where id = ?');
    this.#firstOfNewest = driver
      .prepare<[number], number | null>('select min(id) from (select id from events order by id desc limit ?)')
      .pluck();
    this.#textsFrom = driver.prepare('select id, body from events where id >= ? order by id limit ?');
    this.#count = driver.prepare<[], number>('select count(*) from events').pluck();
  }

  /** From when on readers pass over an event, see {@link EventEntry.vanishesAtMs}. */
  vanishesAtMs(acceptedAtMs: number, expiresAtMs: number): number {
    return expiresAtMs - acceptedAtMs < this.#shortLifeMs ? expiresAtMs : Infinity;
  }

  /** Adds entries of one project; call inside a write transaction. */
  insert(entries: readonly EventEntry[]): void {
    for (let next = 0; next < entries.length;) {
      const rows = entries.length - next < ROWS_AT_ONCE ? 1 : ROWS_AT_ONCE;
      const values: NewRow[number][] = [];
      for (const entry of entries.slice(next, next + rows)) values.push(...rowOf(entry));
      (rows === 1 ? this.#insert : this.#insertSome).run(values);
      next += rows;
    }
  }

  /**
   * Entries with `after < sequence <= until`, oldest first, at most `maxEvents` and, but for the first, `maxChars` of
   * text: what one page holds in memory is bounded however large the events are. With `eventType` only those of it.
   */
  page(
    projectId: string,
    after: number,
    until: number,
    maxEvents: number,
    { maxChars = Infinity, eventType }: { maxChars?: number; eventType?: string | undefined } = {},
  ): { entries: EventEntry[]; complete: boolean } {
    const entries: EventEntry[] = [];
    let chars = 0;
    const rows =
      eventType === undefined
        ? this.#page.iterate(projectId, after, until, maxEvents)
        : this.#pageOfType.iterate(projectId, eventType, after, until, maxEvents);
    for (const row of rows) {
      chars += row.body.length;
      if (chars > maxChars && entries.length > 0) return { entries, complete: false };
      entries.push(this.#toEntry(row));
    }
    return { entries, complete: entries.length < maxEvents };
  }

  /** The entry of an event id, when the project’s log still has it. */
  find(projectId: string, eventId: string): EventEntry | undefined {
    const row = this.#byEventId.get(eventId, projectId);
    return row && this.#toEntry(row);
  }

  /** Sequence of the oldest entry after a sequence, when there is one. */
  next(projectId: string, after: number): number | undefined {
    return this.#next.get(projectId, after);
  }

  /** Where the project’s log begins and ends. */
  bounds(projectId: string): LogBounds {
    return {
      trimmedSequence: this.trimmedSequence(projectId),
      headSequence: Math.max(this.#head.get(projectId) ?? 0, this.#position.get(projectId)?.head ?? 0),
      retained: this.#retained.get(projectId) ?? 0,
    };
  }

  /** See {@link LogBounds.trimmedSequence}; the running transaction included. */
  trimmedSequence(projectId: string): number {
    return this.#position.get(projectId)?.trimmed ?? 0;
  }

  /** Events whose time is over, oldest expiry first, after one of them. */
  expired(nowMs: number, maxEvents: number, after?: Leaving): Leaving[] {
    const { expiresAtMs = -1, id = 0 } = after ?? {};
    return bounded(this.#expired.iterate(this.#shortLifeMs, nowMs, expiresAtMs, id, maxEvents));
  }

  /** The project’s oldest events. */
  oldest(projectId: string, maxEvents: number): Leaving[] {
    return bounded(this.#oldest.iterate(projectId, maxEvents));
  }

  /** Removes events and writes down how far the log reaches now; call inside a write transaction. */
  remove(projectId: string, ids: readonly number[], bounds: Pick<LogBounds, 'trimmedSequence' | 'headSequence'>): void {
    for (const id of ids) this.#remove.run(id);
    this.#setPosition.run(projectId, bounds.trimmedSequence, bounds.headSequence);
  }

  /** Row of the oldest among the newest events of all projects; null when there is none. */
  firstOfNewest(maxEvents: number): number | null {
    return this.#firstOfNewest.get(maxEvents) ?? null;
  }

  /** Texts of events of all projects from a row on, oldest first, at most `maxEvents` and about `maxChars` of text. */
  textsFrom(id: number, maxEvents: number, maxChars: number): { texts: string[]; nextId: number } {
    const texts: string[] = [];
    let nextId = id;
    let chars = 0;
    for (const row of this.#textsFrom.iterate(id, maxEvents)) {
      texts.push(row.body);
      nextId = row.id + 1;
      chars += row.body.length;
      if (chars > maxChars) break;
    }
    return { texts, nextId };
  }

  /** Events kept, over all projects. */
  count(): number {
    return this.#count.get() ?? 0;
  }

  #toEntry(row: Row): EventEntry {
    return new StoredEntry(row, this.#epoch, this.vanishesAtMs(row.accepted_at_ms, row.expires_at_ms));
  }
}

function rowOf({ event, sequence, acceptedAtMs, json }: EventEntry): NewRow {
  const expiresAtMs = acceptedAtMs + event.ttl_seconds * 1000;
  const { project_id, event_id, event_type, topic } = event;
  return [project_id, sequence, event_id, event_type, topic, acceptedAtMs, expiresAtMs, json];
}

/** As many of the rows as one transaction may remove. */
function bounded(rows: Iterable<Leaving>): Leaving[] {
  return withinSize(rows, ({ json }) => json.length, MAX_LEAVING_CHARS);
}

/** An entry as it was stored. Its text is parsed only for whoever looks into it. */
class StoredEntry implements EventEntry {
  readonly sequence: number;
  readonly cursor: string;
  readonly json: string;
  readonly acceptedAtMs: number;
  readonly vanishesAtMs: number;
  #event: SidecarEvent | undefined;

  constructor(row: Row, epoch: string, vanishesAtMs: number) {
    this.sequence = row.sequence;
    this.cursor = formatCursor({ epoch, sequence: row.sequence });
    this.json = row.body;
    this.acceptedAtMs = row.accepted_at_ms;
    this.vanishesAtMs = vanishesAtMs;
  }

  get event(): SidecarEvent {
    this.#event ??= readStored<SidecarEvent>(this.json);
    return this.#event;
  }
}
