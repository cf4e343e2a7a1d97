import { formatCursor, LIMITS, parseCursor, SidecarError, type SidecarEvent } from '@orchestration-sidecar/shared';
import { isoTime } from '../runtime/clock.ts';
import type { Ids } from '../runtime/ids.ts';
import type { Transaction } from '../storage/writer.ts';
import type { EventEntry, NewEvent } from './event-entry.ts';
import { EventStore } from './event-store.ts';
import type { Database } from '../storage/database.ts';
import { Ring } from './ring.ts';

/** Bound of one project’s ring beside {@link LIMITS.ringEvents}: large events must not fill the memory. */
const MAX_RING_BYTES = 32 * 1024 * 1024;

/** What the log needs from its surroundings. */
export interface EventLogNeeds {
  readonly database: Database;
  readonly ids: Ids;
  readonly nowMs: () => number;
}

/** One page of a reading. */
export interface LogPage {
  readonly entries: readonly EventEntry[];
  /** Position up to which the log has been looked at; the next page starts here. */
  readonly scannedSequence: number;
}

interface ProjectLog {
  readonly ring: Ring;
  trimmedSequence: number;
  /** Newest committed sequence. */
  headSequence: number;
  /** Newest sequence given out, committed or in the running transaction. */
  assignedSequence: number;
}

/** Told after each commit which entries a project’s log has gained. */
export type CommitListener = (projectId: string, entries: readonly EventEntry[]) => void;

/**
 * The durable, ordered log: one sequence per project, assigned inside the write transaction, told after the
 * commit. Readers never see an entry that could still be undone.
 */
export class EventLog {
  readonly #needs: EventLogNeeds;
  readonly #store: EventStore;
  readonly #logs = new Map<string, ProjectLog>();
  readonly #listeners = new Set<CommitListener>();
  #published = 0;

  constructor(needs: EventLogNeeds) {
    this.#needs = needs;
    this.#store = new EventStore(needs.database);
  }

  /** Events appended since the sidecar started. */
  get publishedCount(): number {
    return this.#published;
  }

  /**
   * Appends inside a write transaction, so that an event and what it tells of are committed together.
   * @throws {SidecarError} `PAYLOAD_TOO_LARGE` above {@link LIMITS.maxEventBytes}.
   */
  append(transaction: Transaction, draft: NewEvent): EventEntry {
    const acceptedAtMs = this.#needs.nowMs();
    const log = this.#log(draft.projectId);
    const sequence = log.assignedSequence + 1;
    const ttlSeconds = draft.ttlSeconds ?? LIMITS.defaultEventTtlSeconds;
    const event: SidecarEvent = {
      event_id: `evt-${this.#needs.ids.orderedUuid()}`,
      event_type: draft.eventType,
      publisher: draft.publisher,
      publisher_type: draft.publisherType,
      topic: draft.topic,
      data: draft.data,
      correlation_id: draft.correlationId ?? null,
      project_id: draft.projectId,
      round: draft.round ?? null,
      references: draft.references ?? null,
      ttl_seconds: ttlSeconds,
      timestamp: isoTime(acceptedAtMs),
      cursor: this.cursor(sequence),
    };
    const json = JSON.stringify(event);
    if (Buffer.byteLength(json) > LIMITS.maxEventBytes) {
      throw new SidecarError('PAYLOAD_TOO_LARGE', 'The event is too large.', {
        extension: { maxBytes: LIMITS.maxEventBytes },
      });
    }
    const entry: EventEntry = { sequence, event, json, expiresAtMs: acceptedAtMs + ttlSeconds * 1000 };
    this.#store.insert(entry, acceptedAtMs);
    log.assignedSequence = sequence;
    transaction.afterCommit(() => this.#committed(log, entry));
    transaction.afterRollback(() => {
      log.assignedSequence = Math.min(log.assignedSequence, sequence - 1);
    });
    return entry;
  }

  /** Calls after each committed entry. Answers what ends the calls. */
  onCommit(listener: CommitListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Newest committed sequence of a project. */
  head(projectId: string): number {
    return this.#log(projectId).headSequence;
  }

  /**
   * Reads entries after a sequence, at most `maxEvents`, from the ring while that reaches back, else from SQLite.
   * Entries whose time to live ran out are passed over.
   * @throws {SidecarError} `CURSOR_EXPIRED` with `oldest_cursor` when the log no longer reaches back.
   */
  page(projectId: string, after: number, maxEvents: number, until = Number.MAX_SAFE_INTEGER): LogPage {
    const log = this.#log(projectId);
    if (after < log.trimmedSequence) throw this.#expired(log);
    const last = Math.min(until, log.headSequence);
    if (after >= last) return { entries: [], scannedSequence: after };
    const inRing = log.ring.after(after, maxEvents);
    const found = inRing ?? this.#store.page(projectId, after, last, maxEvents);
    const entries = found.filter((entry) => entry.sequence <= last);
    const nowMs = this.#needs.nowMs();
    return {
      entries: entries.filter((entry) => entry.expiresAtMs > nowMs),
      // Fewer than asked for means that the page reached the end of what was to be read.
      scannedSequence: entries.length < maxEvents ? last : (entries.at(-1)?.sequence ?? last),
    };
  }

  /**
   * Events after a sequence, those of the running transaction included: for what has to be decided inside it. What is
   * read here may still be undone; everyone else reads {@link page}.
   */
  tail(projectId: string, after: number): SidecarEvent[] {
    const { assignedSequence } = this.#log(projectId);
    if (after >= assignedSequence) return [];
    return this.#store.page(projectId, after, assignedSequence, LIMITS.maxLogEvents).map((entry) => entry.event);
  }

  /** The entry of an event id, when the project’s log still has it. */
  find(projectId: string, eventId: string): EventEntry | undefined {
    return this.#store.find(projectId, eventId);
  }

  /** Texts of the newest events of all projects, oldest first. */
  newest(maxEvents: number): string[] {
    return this.#store.newest(maxEvents);
  }

  /** Events kept, over all projects. */
  retainedCount(): number {
    return this.#store.count();
  }

  /** Writes a sequence as a cursor of this store. */
  cursor(sequence: number): string {
    return formatCursor({ epoch: this.#needs.database.epoch, sequence });
  }

  /**
   * Reads a cursor: none starts before the oldest retained entry, `latest` after the newest.
   * @throws {SidecarError} `CURSOR_INVALID` for a form that was never ours, `CURSOR_EXPIRED` for another epoch or a
   * position that has been trimmed away or never was.
   */
  sequenceOf(projectId: string, cursor: string | undefined): number {
    const log = this.#log(projectId);
    if (cursor === undefined) return log.trimmedSequence;
    if (cursor === 'latest') return log.headSequence;
    const { epoch, sequence } = parseCursor(cursor);
    const ours = epoch === this.#needs.database.epoch;
    if (!ours || sequence < log.trimmedSequence || sequence > log.headSequence) throw this.#expired(log);
    return sequence;
  }

  #committed(log: ProjectLog, entry: EventEntry): void {
    log.ring.push(entry);
    log.headSequence = entry.sequence;
    this.#published += 1;
    for (const listener of this.#listeners) listener(entry.event.project_id, [entry]);
  }

  #log(projectId: string): ProjectLog {
    const known = this.#logs.get(projectId);
    if (known) return known;
    const { headSequence, trimmedSequence } = this.#store.bounds(projectId);
    const log: ProjectLog = {
      ring: new Ring(LIMITS.ringEvents, MAX_RING_BYTES),
      trimmedSequence,
      headSequence,
      assignedSequence: headSequence,
    };
    this.#logs.set(projectId, log);
    return log;
  }

  #expired(log: ProjectLog): SidecarError {
    return new SidecarError('CURSOR_EXPIRED', 'The log no longer reaches back to this cursor.', {
      extension: { oldest_cursor: this.cursor(log.trimmedSequence) },
    });
  }
}
