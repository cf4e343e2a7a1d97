import type Sqlite from 'better-sqlite3';
import type { SidecarEvent } from '@orchestration-sidecar/shared';
import type { Database } from '../storage/database.ts';
import { readStored } from '../storage/stored-json.ts';
import type { EventEntry } from './event-entry.ts';

interface Row {
  readonly sequence: number;
  readonly expires_at_ms: number;
  readonly body: string;
}

/** Where one project’s log begins and ends. */
export interface LogBounds {
  /** Everything up to here is gone. */
  readonly trimmedSequence: number;
  /** Sequence of the newest event ever taken. */
  readonly headSequence: number;
}

/**
 * Events in SQLite. Uses the driver’s prepared statements: this is the hottest path of the sidecar, and a query
 * builder’s overhead per row is several times the cost of the insert itself.
 */
export class EventStore {
  readonly #insert: Sqlite.Statement<[string, number, string, string, string, number, number, string]>;
  readonly #page: Sqlite.Statement<[string, number, number, number], Row>;
  readonly #byEventId: Sqlite.Statement<[string, string], Row>;
  readonly #head: Sqlite.Statement<[string], number | null>;
  readonly #trimmed: Sqlite.Statement<[string], number>;
  readonly #count: Sqlite.Statement<[], number>;
  readonly #newest: Sqlite.Statement<[number], string>;

  constructor(database: Database) {
    const { driver } = database;
    this.#insert = driver.prepare(
      `insert into events (project_id, sequence, event_id, event_type, topic, accepted_at_ms, expires_at_ms, body)
       values (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#page = driver.prepare(
      `select sequence, expires_at_ms, body from events
       where project_id = ? and sequence > ? and sequence <= ? order by sequence limit ?`,
    );
    this.#byEventId = driver.prepare(
      'select sequence, expires_at_ms, body from events where event_id = ? and project_id = ?',
    );
    this.#head = driver
      .prepare<[string], number | null>('select max(sequence) from events where project_id = ?')
      .pluck();
    this.#trimmed = driver
      .prepare<[string], number>('select trimmed_sequence from log_positions where project_id = ?')
      .pluck();
    this.#newest = driver.prepare<[number], string>('select body from events order by id desc limit ?').pluck();
    this.#count = driver.prepare<[], number>('select count(*) from events').pluck();
  }

  /** Adds an entry; call inside a write transaction. */
  insert(entry: EventEntry, acceptedAtMs: number): void {
    const { event } = entry;
    this.#insert.run(
      event.project_id,
      entry.sequence,
      event.event_id,
      event.event_type,
      event.topic,
      acceptedAtMs,
      entry.expiresAtMs,
      entry.json,
    );
  }

  /** Entries with `after < sequence <= until`, oldest first, at most `maxEvents`. */
  page(projectId: string, after: number, until: number, maxEvents: number): EventEntry[] {
    return this.#page.all(projectId, after, until, maxEvents).map(toEntry);
  }

  /** The entry of an event id, when the project’s log still has it. */
  find(projectId: string, eventId: string): EventEntry | undefined {
    const row = this.#byEventId.get(eventId, projectId);
    return row && toEntry(row);
  }

  /** Where the project’s log begins and ends. */
  bounds(projectId: string): LogBounds {
    const trimmedSequence = this.#trimmed.get(projectId) ?? 0;
    return { trimmedSequence, headSequence: Math.max(this.#head.get(projectId) ?? 0, trimmedSequence) };
  }

  /** Texts of the newest events of all projects, oldest first. */
  newest(maxEvents: number): string[] {
    return this.#newest.all(maxEvents).toReversed();
  }

  /** Events kept, over all projects. */
  count(): number {
    return this.#count.get() ?? 0;
  }
}

function toEntry(row: Row): EventEntry {
  const event = readStored<SidecarEvent>(row.body);
  return { sequence: row.sequence, event, json: row.body, expiresAtMs: row.expires_at_ms };
}
