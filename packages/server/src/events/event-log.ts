import { formatCursor, LIMITS, parseCursor, SidecarError, type SidecarEvent } from '@orchestration-sidecar/shared';
import { isoTime } from '../runtime/clock.ts';
import type { Ids } from '../runtime/ids.ts';
import type { Database } from '../storage/database.ts';
import type { Transaction } from '../storage/writer.ts';
import { EntryBatch } from './entry-batch.ts';
import type { EventEntry, NewEvent } from './event-entry.ts';
import { EventStore, type Leaving } from './event-store.ts';
import { Ring } from './ring.ts';

/** Bound of one project’s ring beside {@link LIMITS.ringEvents}: large events must not fill the memory. */
const MAX_RING_CHARS = 32 * 1024 * 1024;
/** Text that one page holds at most, unless a single event is larger. */
const MAX_PAGE_CHARS = 2 * 1024 * 1024;

/** Events, and text, that are copied in one go: a few milliseconds of the event loop. */
const COPY_EVENTS = 500;
const MAX_COPY_CHARS = 1024 * 1024;

/** From this distance on the index finds events of one type faster than looking at all. */
const MIN_INDEXED_EVENTS = 512;

const OTHER_STORE = 'The cursor is of another store: a backup was restored since, or the store was begun anew.';

/** What the log needs from its surroundings. */
export interface EventLogNeeds {
  readonly database: Database;
  readonly ids: Ids;
  readonly nowMs: () => number;
  /** How long events are kept that do not say how long. Default: a day (DECISIONS 5). */
  readonly retentionMs?: number;
}

/** One page of a reading. */
export interface LogPage {
  readonly entries: readonly EventEntry[];
  /** Position up to which the log has been looked at; the next page starts here. */
  readonly scannedSequence: number;
}

/** How a page is read. */
export interface PageOptions {
  readonly until?: number | undefined;
  readonly vanished?: boolean | undefined;
  readonly eventType?: string | undefined;
}

interface ProjectLog {
  readonly projectId: string;
  readonly ring: Ring;
  /** Newest sequence that age or number took away. */
  trimmedSequence: number;
  /** Newest committed sequence. */
  headSequence: number;
  /** Newest sequence given out, committed or in the running transaction. */
  assignedSequence: number;
  /** Events kept on disk. */
  retained: number;
}

/** Entries that one transaction adds to one project’s log. */
interface Addition {
  readonly acceptedAtMs: number;
  readonly timestamp: string;
  readonly entries: EventEntry[];
  /** How often they were added to without that having been told. */
  untold: number;
}

/** Told after each commit which entries a project’s log has gained. */
export type CommitListener = (projectId: string, entries: readonly EventEntry[]) => void;

/** Told after each removal which rows have gone. */
export type RemovalListener = (ids: readonly number[]) => void;

/**
 * The durable, ordered log: one sequence per project, assigned inside the write transaction, told after the
 * commit. Readers never see an entry that could still be undone.
 *
 * An event whose own time to live is short vanishes when that is over, and nobody is told. What age or number takes
 * away is a gap for whoever had not read it: a position is refused when the event right after it was trimmed. Events
 * with a longer time to live stay behind in the trimmed part until theirs is over; a reader gets there as far as the
 * next gap, see {@link EventLog.unbroken}.
 */
export class EventLog {
  readonly #needs: EventLogNeeds;
  readonly #store: EventStore;
  readonly #ttlSeconds: number;
  readonly #logs = new Map<string, ProjectLog>();
  readonly #additions = new WeakMap<Transaction, Map<ProjectLog, Addition>>();
  readonly #listeners = new Set<CommitListener>();
  readonly #listenersOf = new Map<string, Set<CommitListener>>();
  readonly #removalListeners = new Set<RemovalListener>();
  #published = 0;

  constructor(needs: EventLogNeeds) {
    this.#needs = needs;
    const retentionMs = needs.retentionMs ?? LIMITS.defaultEventTtlSeconds * 1000;
    this.#ttlSeconds = Math.max(1, Math.round(retentionMs / 1000));
    this.#store = new EventStore(needs.database, this.#ttlSeconds * 1000);
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
    const batch = this.batch(transaction, draft.projectId);
    const entry = batch.add(draft);
    batch.store();
    return entry;
  }

  /** As {@link append}, for many events of one project. Nothing else may be appended to it until they are stored. */
  batch(transaction: Transaction, projectId: string): EntryBatch {
    const log = this.#log(projectId);
    const addition = this.#addition(transaction, log);
    const after = log.assignedSequence;
    return new EntryBatch({
      ids: this.#needs.ids,
      epoch: this.#needs.database.epoch,
      projectId,
      after,
      acceptedAtMs: addition.acceptedAtMs,
      timestamp: addition.timestamp,
      ttlSeconds: this.#ttlSeconds,
      vanishesAtMs: (acceptedAtMs, expiresAtMs) => this.#store.vanishesAtMs(acceptedAtMs, expiresAtMs),
      store: (entries) => {
        this.#store.insert(entries);
        log.assignedSequence = after + entries.length;
        addition.entries.push(...entries);
        addition.untold += 1;
        transaction.afterCommit(() => this.#committed(log, addition));
        transaction.afterRollback(() => {
          log.assignedSequence = Math.min(log.assignedSequence, after);
        });
      },
    });
  }

  /** Calls once per transaction and project with what was committed. Answers what ends the calls. */
  onCommit(listener: CommitListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** As {@link onCommit}, for one project: whoever waits for another one is not woken. */
  onCommitTo(projectId: string, listener: CommitListener): () => void {
    const listeners = this.#listenersOf.get(projectId) ?? new Set();
    this.#listenersOf.set(projectId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listenersOf.get(projectId) === listeners) this.#listenersOf.delete(projectId);
    };
  }

  /** Calls after each removal with the rows that have gone. Answers what ends the calls. */
  onRemoval(listener: RemovalListener): () => void {
    this.#removalListeners.add(listener);
    return () => void this.#removalListeners.delete(listener);
  }

  /** Newest committed sequence of a project. */
  head(projectId: string): number {
    return this.#log(projectId).headSequence;
  }

  /** Newest sequence that age or number took away from a project’s log. */
  trimmed(projectId: string): number {
    return this.#log(projectId).trimmedSequence;
  }

  /** Events kept of a project. */
  retainedOf(projectId: string): number {
    return this.#log(projectId).retained;
  }

  /**
   * Reads entries after a sequence, at most `maxEvents`, from the ring while that reaches back, else from SQLite.
   * Whether the log still reaches back is for {@link LogReader} to ask.
   * @param options.eventType the reader wants this type only: others may be left out.
   * @param options.vanished also answer entries whose own time to live ran out and that are not swept yet.
   */
  page(
    projectId: string,
    after: number,
    maxEvents: number,
    { until = Number.MAX_SAFE_INTEGER, vanished = false, eventType }: PageOptions = {},
  ): LogPage {
    const log = this.#log(projectId);
    const last = Math.min(until, log.headSequence);
    if (after >= last) return { entries: [], scannedSequence: after };
    const { entries, complete } = this.#read(log, after, last, maxEvents, eventType);
    const nowMs = this.#needs.nowMs();
    return {
      entries: vanished ? entries : entries.filter((entry) => entry.vanishesAtMs > nowMs),
      scannedSequence: complete ? last : (entries.at(-1)?.sequence ?? last),
    };
  }

  /**
   * As {@link page}, in the trimmed part of the log: ends before the next event that is gone, whatever its type. Call
   * {@link mustReach} before.
   */
  unbroken(projectId: string, after: number, maxEvents: number, until = Number.MAX_SAFE_INTEGER): LogPage {
    const last = Math.min(until, this.#log(projectId).trimmedSequence);
    const { entries } = this.#store.page(projectId, after, last, maxEvents, { maxChars: MAX_PAGE_CHARS });
    const gap = entries.findIndex(({ sequence }, index) => sequence !== after + 1 + index);
    const whole = gap === -1 ? entries : entries.slice(0, gap);
    const nowMs = this.#needs.nowMs();
    return {
      entries: whole.filter((entry) => entry.vanishesAtMs > nowMs),
      scannedSequence: after + whole.length,
    };
  }

  /**
   * Events after a sequence, those of the running transaction included: for what has to be decided inside it. What is
   * read here may still be undone; everyone else reads {@link page}.
   */
  tail(projectId: string, after: number): SidecarEvent[] {
    const { assignedSequence } = this.#log(projectId);
    if (after >= assignedSequence) return [];
    const { entries } = this.#store.page(projectId, after, assignedSequence, LIMITS.maxLogEvents);
    return entries.map((entry) => entry.event);
  }

  /** The entry of a sequence, while the log has it. */
  at(projectId: string, sequence: number): EventEntry | undefined {
    return this.#read(this.#log(projectId), sequence - 1, sequence, 1).entries[0];
  }

  /** The entry of an event id, when the project’s log still has it. */
  find(projectId: string, eventId: string): EventEntry | undefined {
    return this.#store.find(projectId, eventId);
  }

  /** Row of the oldest among the newest events of all projects; 0 when there is none. */
  firstOfNewest(maxEvents: number): number {
    return this.#store.firstOfNewest(maxEvents) ?? 0;
  }

  /**
   * Texts of the events of all projects from a row on, oldest first, page by page as they are asked for; the last pages
   * hold what was committed meanwhile.
   */
  *textsFrom(firstId: number): Generator<readonly string[], void, void> {
    for (let from = firstId; ;) {
      const { texts, nextId } = this.#store.textsFrom(from, COPY_EVENTS, MAX_COPY_CHARS);
      if (texts.length === 0) return;
      yield texts;
      from = nextId;
    }
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
   * position whose next event was trimmed away or that never was.
   */
  sequenceOf(projectId: string, cursor: string | undefined): number {
    const log = this.#log(projectId);
    if (cursor === undefined) return this.#beforeNext(log, 0);
    if (cursor === 'latest') return log.headSequence;
    const { epoch, sequence } = parseCursor(cursor);
    if (epoch !== this.#needs.database.epoch) throw this.#expired(log, 0, OTHER_STORE);
    if (sequence > log.headSequence) throw this.#expired(log, 0, 'The log has not come to this cursor.');
    this.mustReach(projectId, sequence);
    return sequence;
  }

  /**
   * Checks that the log holds what comes right after a position.
   * @throws {SidecarError} `CURSOR_EXPIRED` with `oldest_cursor`, where what is left after the position begins.
   */
  mustReach(projectId: string, sequence: number): void {
    if (!this.reaches(projectId, sequence)) throw this.#expired(this.#log(projectId), sequence);
  }

  /**
   * What to answer, inside a write transaction, when something after a position was taken away by age or number:
   * `CURSOR_EXPIRED` with `oldest_cursor`, the oldest position that has everything after it.
   */
  gapAfter(projectId: string, sequence: number, detail: string): SidecarError | undefined {
    const trimmedSequence = this.#store.trimmedSequence(projectId);
    if (sequence >= trimmedSequence) return undefined;
    return new SidecarError('CURSOR_EXPIRED', detail, { extension: { oldest_cursor: this.cursor(trimmedSequence) } });
  }

  /** Whether what comes right after a position is still there, or never was to stay. */
  reaches(projectId: string, sequence: number): boolean {
    const { trimmedSequence } = this.#log(projectId);
    return sequence >= trimmedSequence || this.#store.next(projectId, sequence) === sequence + 1;
  }

  /** Events whose time is over, after one of them; see {@link remove}. */
  expired(nowMs: number, maxEvents: number, after?: Leaving): Leaving[] {
    return this.#store.expired(nowMs, maxEvents, after);
  }

  /** Oldest events beyond `maxRetained` of a project, see {@link remove}. */
  surplus(projectId: string, maxRetained: number, maxEvents: number): Leaving[] {
    const surplus = Math.min(this.#log(projectId).retained - maxRetained, maxEvents);
    return surplus > 0 ? this.#store.oldest(projectId, surplus) : [];
  }

  /** Projects whose logs have been touched since the start. */
  projectIds(): string[] {
    return [...this.#logs.keys()];
  }

  /**
   * Removes events of one project inside a write transaction, and with them every position that pointed before them.
   * Sequences go on counting: those of removed events are never given out again.
   */
  remove(transaction: Transaction, projectId: string, leaving: readonly Leaving[]): void {
    const log = this.#log(projectId);
    const trimmed = leaving.filter((event) => !event.vanished).map((event) => event.sequence);
    const trimmedSequence = Math.max(log.trimmedSequence, ...trimmed);
    const ids = leaving.map((event) => event.id);
    this.#store.remove(projectId, ids, { trimmedSequence, headSequence: log.headSequence });
    transaction.afterCommit(() => {
      log.retained -= leaving.length;
      log.trimmedSequence = trimmedSequence;
      log.ring.dropThrough(trimmedSequence);
      for (const listener of this.#removalListeners) listener(ids);
    });
  }

  #read(
    log: ProjectLog,
    after: number,
    last: number,
    maxEvents: number,
    eventType?: string,
  ): { entries: readonly EventEntry[]; complete: boolean } {
    const indexed = eventType !== undefined && last - after > MIN_INDEXED_EVENTS;
    const inRing = indexed ? undefined : log.ring.after(after, maxEvents);
    if (!inRing) {
      const options = { maxChars: MAX_PAGE_CHARS, eventType: indexed ? eventType : undefined };
      return this.#store.page(log.projectId, after, last, maxEvents, options);
    }
    let chars = 0;
    const end = inRing.findIndex(({ sequence, json }, index) => {
      chars += json.length;
      return sequence > last || (chars > MAX_PAGE_CHARS && index > 0);
    });
    const cutShort = (inRing[end]?.sequence ?? Infinity) <= last;
    return {
      entries: end === -1 ? inRing : inRing.slice(0, end),
      complete: !cutShort && (end !== -1 || inRing.length < maxEvents),
    };
  }

  #addition(transaction: Transaction, log: ProjectLog): Addition {
    const additions = this.#additions.get(transaction) ?? new Map<ProjectLog, Addition>();
    const known = additions.get(log);
    if (known) return known;
    const acceptedAtMs = this.#needs.nowMs();
    const addition = { acceptedAtMs, timestamp: isoTime(acceptedAtMs), entries: [], untold: 0 };
    this.#additions.set(transaction, additions.set(log, addition));
    return addition;
  }

  /** Called as often as it was added to, in that order; listeners are told at last, once for all entries. */
  #committed(log: ProjectLog, addition: Addition): void {
    const { entries } = addition;
    addition.untold -= 1;
    if (addition.untold > 0) return;
    for (const entry of entries) log.ring.push(entry);
    log.headSequence = entries.at(-1)?.sequence ?? log.headSequence;
    log.retained += entries.length;
    this.#published += entries.length;
    for (const listener of this.#listenersOf.get(log.projectId) ?? []) listener(log.projectId, entries);
    for (const listener of this.#listeners) listener(log.projectId, entries);
  }

  #log(projectId: string): ProjectLog {
    const known = this.#logs.get(projectId);
    if (known) return known;
    const bounds = this.#store.bounds(projectId);
    const ring = new Ring(LIMITS.ringEvents, MAX_RING_CHARS);
    const log: ProjectLog = { ...bounds, projectId, ring, assignedSequence: bounds.headSequence };
    this.#logs.set(projectId, log);
    return log;
  }

  /** Position right before the oldest retained entry after a sequence; the head when there is none. */
  #beforeNext(log: ProjectLog, after: number): number {
    if (log.trimmedSequence === 0) return after;
    return (this.#store.next(log.projectId, after) ?? log.headSequence + 1) - 1;
  }

  #expired(log: ProjectLog, after: number, detail = 'The log no longer reaches back to this cursor.'): SidecarError {
    return new SidecarError('CURSOR_EXPIRED', detail, {
      extension: { oldest_cursor: this.cursor(this.#beforeNext(log, after)) },
    });
  }
}
