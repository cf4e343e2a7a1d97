import { LIMITS, SIDECAR_PUBLISHER, SidecarError, type SidecarEvent } from '@orchestration-sidecar/shared';
import type { Clock } from '../runtime/clock.ts';
import { once } from '../storage/idempotency.ts';
import type { Transaction, Writer } from '../storage/writer.ts';
import type { EventEntry, NewEvent } from './event-entry.ts';
import type { EventLog } from './event-log.ts';
import { compileInterest, type Interest } from './filter.ts';
import { FanOut } from './fan-out.ts';
import { PAGE_EVENTS } from './follow.ts';
import { Following } from './following.ts';
import { LogReader, type FollowStep, type ReadingFrom } from './log-reader.ts';
import { refuseReplay } from './nonce-store.ts';
import type { Subscribers } from './subscribers.ts';

/** What the bus needs. */
export interface EventBusNeeds {
  readonly log: EventLog;
  readonly subscribers: Subscribers;
  readonly writer: Writer;
  readonly clock: Clock;
}

/** A publication by a caller, with what protects it against being sent twice. */
export interface Publication extends NewEvent {
  readonly idempotencyKey?: string | undefined;
  readonly timestamp?: string | undefined;
  readonly nonce?: string | undefined;
}

/** Publications that are stored together or not at all. */
export interface PublicationBatch {
  readonly projectId: string;
  /** Who sends them, for the idempotency key. */
  readonly caller: string;
  readonly publications: readonly Omit<Publication, 'idempotencyKey'>[];
  readonly idempotencyKey?: string | undefined;
}

/** Answer to a publication. */
export interface Published {
  readonly event_id: string;
  readonly published: true;
  readonly subscribers_notified: string[];
  readonly timestamp: string;
  readonly cursor: string;
}

/** A reader’s request: which events of which project, from where. */
export interface Reading extends Interest {
  readonly projectId: string;
  /** Cursor, `latest`, or none for the oldest retained event. */
  readonly cursor?: string | undefined;
  /** Agent type that reads; null for the operator. */
  readonly agentType: string | null;
}

/** Page of events. */
export interface EventPage {
  readonly events: SidecarEvent[];
  readonly more_available: boolean;
  readonly next_cursor: string;
}

/** A reading of the log between bounds, without waiting. */
export interface ListRequest extends Reading {
  /** Cursor of the last position to read. */
  readonly until?: string | undefined;
  readonly since?: string | undefined;
  readonly before?: string | undefined;
  readonly limit: number;
}

/** Entries looked at in one go before the event loop gets its turn. */
const SCAN_EVENTS = 512;
/** Text after which a page of the log is full, however few events that are. */
const MAX_LIST_CHARS = 8 * 1024 * 1024;

/** The event bus: publishing to, reading and following the logs of all projects. */
export class EventBus {
  readonly #needs: EventBusNeeds;
  readonly #fanOut: FanOut;

  constructor(needs: EventBusNeeds) {
    this.#needs = needs;
    this.#fanOut = new FanOut(needs.log);
  }

  /**
   * Publishes; resolves when the event is on disk.
   * @throws {SidecarError} `IDEMPOTENCY_CONFLICT`, `NONCE_REUSED`, `TIMESTAMP_OUT_OF_RANGE`, `PAYLOAD_TOO_LARGE`,
   * `STORAGE_UNAVAILABLE`.
   */
  publish(publication: Publication): Promise<Published> {
    const { idempotencyKey: key } = publication;
    const nowMs = this.#needs.clock.nowMs();
    const keyed =
      key === undefined
        ? undefined
        : { caller: scopeOf(publication), procedure: 'events.publish', key, request: asSent(publication), nowMs };
    return this.#needs.writer.write((transaction) =>
      once(transaction, keyed, () => {
        refuseReplay(transaction, scopeOf(publication), publication, nowMs);
        return this.#answer(this.append(transaction, publication));
      }),
    );
  }

  /**
   * Publishes all or nothing, in one transaction and without another event of the project in between.
   * @throws {SidecarError} as {@link publish}, with `index` of the first publication that was refused.
   */
  publishMany(batch: PublicationBatch): Promise<Published[]> {
    const { projectId, caller, publications, idempotencyKey: key } = batch;
    const nowMs = this.#needs.clock.nowMs();
    const keyed =
      key === undefined
        ? undefined
        : {
            caller: `${projectId}/${caller}`,
            procedure: 'events.publishMany',
            key,
            request: publications.map(asSent),
            nowMs,
          };
    return this.#needs.writer.write((transaction) =>
      once(transaction, keyed, () => {
        const entries = this.#needs.log.batch(transaction, projectId);
        const published = publications.map((publication, index) =>
          namingIndex(index, () => {
            refuseReplay(transaction, scopeOf(publication), publication, nowMs);
            return this.#answer(entries.add(publication));
          }),
        );
        entries.store();
        return published;
      }),
    );
  }

  #answer({ event }: EventEntry): Published {
    return {
      event_id: event.event_id,
      published: true,
      subscribers_notified: this.#needs.subscribers.notified(event),
      timestamp: event.timestamp,
      cursor: event.cursor,
    };
  }

  /** Appends within another room’s write transaction, so that a deed and its event are one. */
  append(transaction: Transaction, draft: NewEvent): EventEntry {
    return this.#needs.log.append(transaction, draft);
  }

  /** Appends an event of the sidecar’s own, see {@link append}. */
  announce(transaction: Transaction, draft: Omit<NewEvent, 'publisher' | 'publisherType'>): EventEntry {
    return this.append(transaction, {
      ...draft,
      publisher: SIDECAR_PUBLISHER,
      publisherType: SIDECAR_PUBLISHER,
    });
  }

  /**
   * Follows: retained entries after the cursor, then live ones, until the signal aborts. The sidecar’s own readers
   * follow; whoever comes from outside subscribes.
   * @throws {SidecarError} at once: `FILTER_INVALID`, `CURSOR_INVALID`, `CURSOR_EXPIRED`; the last also on the way, when
   * the log was trimmed past a slow reader.
   */
  follow(reading: Reading, signal: AbortSignal): Following {
    return this.#following(reading, signal, () => () => {});
  }

  /** As {@link follow}, for a reader that publishers are told of while it reads. */
  subscribe(reading: Reading, signal: AbortSignal): Following {
    const { projectId, agentType } = reading;
    const subscriber = { projectId, agentType, wanted: compileInterest(reading) };
    return this.#following(reading, signal, () => this.#needs.subscribers.join(subscriber));
  }

  #following(reading: Reading, signal: AbortSignal, join: () => () => void): Following {
    const { projectId, eventType, topic, filter } = reading;
    const { log } = this.#needs;
    return new Following(
      { log, fanOut: this.#fanOut, join },
      {
        projectId,
        wanted: compileInterest(reading),
        eventType,
        key: JSON.stringify([projectId, eventType, topic, filter]),
        after: log.sequenceOf(projectId, reading.cursor),
        fromOldest: reading.cursor === undefined,
        signal,
      },
    );
  }

  /**
   * Waits for matching events (long-poll). Answers at once when some are retained after the cursor, however far, else
   * when the first is published, else with `timeout: true`.
   */
  async wait(
    reading: Reading & { readonly timeoutMs: number; readonly limit: number },
    signal: AbortSignal,
  ): Promise<EventPage & { timeout: boolean }> {
    const { projectId, agentType, limit } = reading;
    const wanted = compileInterest(reading);
    const { log } = this.#needs;
    const after = log.sequenceOf(projectId, reading.cursor);
    const over = new AbortController();
    const timer = this.#needs.clock.after(reading.timeoutMs, () => over.abort());
    const leave = this.#needs.subscribers.join({ projectId, agentType, wanted });
    try {
      const until = AbortSignal.any([signal, over.signal]);
      const { eventType } = reading;
      const fromOldest = reading.cursor === undefined;
      const reader = new LogReader(log, { projectId, after, fromOldest, wanted, eventType });
      // Its time is that of waiting: what is kept by then is read to the end.
      let last = Infinity;
      while (!signal.aborted) {
        if (over.signal.aborted) last = Math.min(last, log.head(projectId));
        if (reader.sequence >= last) break;
        if (!reader.behind) {
          await reader.grown(until);
          continue;
        }
        const step = reader.next(PAGE_EVENTS);
        if (step.entries.length > 0)
          return { ...this.#pageOf(step, limit, { projectId, eventType, wanted }), timeout: false };
        await new Promise(setImmediate);
      }
      return { events: [], more_available: false, next_cursor: log.cursor(reader.sequence), timeout: true };
    } finally {
      timer.cancel();
      leave();
    }
  }

  /** Reads a page of the log, oldest first, without waiting. */
  async list(request: ListRequest, signal: AbortSignal): Promise<EventPage> {
    const { projectId, limit } = request;
    const { log } = this.#needs;
    const head = log.head(projectId);
    const until = request.until === undefined ? head : Math.min(head, log.sequenceOf(projectId, request.until));
    const reader = new LogReader(log, {
      projectId,
      after: log.sequenceOf(projectId, request.cursor),
      fromOldest: request.cursor === undefined,
      wanted: compileInterest(request),
      eventType: request.eventType,
      during: duringOf(request),
    });
    const found: EventEntry[] = [];
    let chars = 0;
    while (reader.sequence < until && found.length <= limit && chars < MAX_LIST_CHARS && !signal.aborted) {
      const { entries } = reader.next(SCAN_EVENTS, until);
      found.push(...entries);
      for (const { json } of entries) chars += json.length;
      await new Promise(setImmediate);
      // What was found comes first; the cursor after it is then refused.
      if (found.length > 0 && reader.atGap) break;
    }
    const kept = found.slice(0, limit);
    const reached = found.length > limit ? (kept.at(-1)?.sequence ?? reader.sequence) : reader.sequence;
    return {
      events: kept.map((entry) => entry.event),
      more_available: reached < until,
      next_cursor: log.cursor(reached),
    };
  }

  #pageOf(
    step: FollowStep,
    limit: number,
    { projectId, eventType, wanted }: Pick<ReadingFrom, 'projectId' | 'eventType' | 'wanted'>,
  ): EventPage {
    const { log } = this.#needs;
    const kept = step.entries.slice(0, limit);
    const sequence = kept.length < step.entries.length ? (kept.at(-1)?.sequence ?? step.sequence) : step.sequence;
    // Never wrongly no: where the end is too far to look, who comes back finds out.
    const ofType = eventType === '*' ? undefined : eventType;
    const ahead = log.page(projectId, sequence, LIMITS.maxPageItems, { eventType: ofType });
    return {
      events: kept.map((entry) => entry.event),
      more_available: ahead.scannedSequence < log.head(projectId) || ahead.entries.some((entry) => wanted(entry.event)),
      next_cursor: log.cursor(sequence),
    };
  }
}

/** Whose nonces and keys they are: the operator publishes to every project. */
function scopeOf({ projectId, publisher }: Pick<NewEvent, 'projectId' | 'publisher'>): string {
  return `${projectId}/${publisher}`;
}

function duringOf({ since, before }: ListRequest): ReadingFrom['during'] {
  if (since === undefined && before === undefined) return undefined;
  return {
    sinceMs: since === undefined ? -Infinity : Date.parse(since),
    beforeMs: before === undefined ? Infinity : Date.parse(before),
  };
}

/** A publication as its caller sent it: the correlation id may be the request’s, and then differs the second time. */
function asSent({ idempotencyKey: _key, correlationId: _ours, ...publication }: Publication): object {
  const { timestamp: _sentAt, nonce: _nonce, ...request } = publication;
  return request;
}

/** Runs the work of one of several events; what it throws says which one was refused. */
export function namingIndex<T>(index: number, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof SidecarError)) throw cause;
    throw new SidecarError(cause.code, `events.${index}: ${cause.detail}`, {
      extension: { ...cause.extension, index },
      cause,
    });
  }
}
