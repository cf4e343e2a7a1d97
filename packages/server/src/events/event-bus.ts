import { LIMITS, SIDECAR_PUBLISHER, type SidecarEvent } from '@orchestration-sidecar/shared';
import type { Clock } from '../runtime/clock.ts';
import { once } from '../storage/idempotency.ts';
import type { Transaction, Writer } from '../storage/writer.ts';
import type { EventEntry, NewEvent } from './event-entry.ts';
import type { EventLog } from './event-log.ts';
import { compileInterest, type EventPredicate, type Interest } from './filter.ts';
import { follow, type FollowStep } from './follow.ts';
import { refuseReplay } from './nonce-store.ts';
import type { LiveSubscriber, Subscribers } from './subscribers.ts';

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

/** The event bus: publishing to, reading and following the logs of all projects. */
export class EventBus {
  readonly #needs: EventBusNeeds;

  constructor(needs: EventBusNeeds) {
    this.#needs = needs;
  }

  /**
   * Publishes; resolves when the event is on disk.
   * @throws {SidecarError} `IDEMPOTENCY_CONFLICT`, `NONCE_REUSED`, `TIMESTAMP_OUT_OF_RANGE`, `PAYLOAD_TOO_LARGE`,
   * `STORAGE_UNAVAILABLE`.
   */
  async publish(publication: Publication): Promise<Published> {
    const { idempotencyKey, timestamp, nonce, ...draft } = publication;
    const nowMs = this.#needs.clock.nowMs();
    // The correlation id is the request’s where the caller sent none, and so differs when it is sent again.
    const { correlationId: _ours, ...request } = draft;
    const keyed =
      idempotencyKey === undefined
        ? undefined
        : {
            caller: `${draft.projectId}/${draft.publisher}`,
            procedure: 'events.publish',
            key: idempotencyKey,
            request,
            nowMs,
          };
    return this.#needs.writer.write((transaction) =>
      once(transaction, keyed, (): Published => {
        refuseReplay(transaction, { publisher: draft.publisher, timestamp, nonce }, nowMs);
        const { event } = this.append(transaction, draft);
        return {
          event_id: event.event_id,
          published: true,
          subscribers_notified: this.#needs.subscribers.notified(event),
          timestamp: event.timestamp,
          cursor: event.cursor,
        };
      }),
    );
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
   * Follows: retained entries after the cursor, then live ones, until the signal aborts. The reader counts as a
   * subscriber meanwhile.
   * @throws {SidecarError} at once: `FILTER_INVALID`, `CURSOR_INVALID`, `CURSOR_EXPIRED`; the last also on the way, when
   * the log was trimmed past a slow reader.
   */
  follow(reading: Reading, signal: AbortSignal): AsyncGenerator<FollowStep, number, void> {
    const { projectId, agentType } = reading;
    const wanted = compileInterest(reading);
    const after = this.#needs.log.sequenceOf(projectId, reading.cursor);
    return this.#subscribed({ projectId, agentType, wanted }, after, signal);
  }

  async *#subscribed(
    subscriber: LiveSubscriber,
    after: number,
    signal: AbortSignal,
  ): AsyncGenerator<FollowStep, number, void> {
    const leave = this.#needs.subscribers.join(subscriber);
    try {
      const { projectId, wanted } = subscriber;
      return yield* follow(this.#needs.log, { projectId, after, wanted, signal });
    } finally {
      leave();
    }
  }

  /**
   * Waits for matching events (long-poll). Answers at once when some are retained after the cursor, else when the
   * first is published, else with `timeout: true`.
   */
  async wait(
    reading: Reading & { readonly timeoutMs: number; readonly limit: number },
    signal: AbortSignal,
  ): Promise<EventPage & { timeout: boolean }> {
    const { projectId, agentType, limit } = reading;
    const wanted = compileInterest(reading);
    const after = this.#needs.log.sequenceOf(projectId, reading.cursor);
    const over = new AbortController();
    const timer = this.#needs.clock.after(reading.timeoutMs, () => over.abort());
    const leave = this.#needs.subscribers.join({ projectId, agentType, wanted });
    try {
      const until = AbortSignal.any([signal, over.signal]);
      const steps = follow(this.#needs.log, { projectId, after, wanted, signal: until });
      const step = await steps.next();
      if (!step.done) return { ...this.#pageOf(step.value, limit, wanted, projectId), timeout: false };
      const next = this.#needs.log.cursor(step.value);
      return { events: [], more_available: false, next_cursor: next, timeout: true };
    } finally {
      timer.cancel();
      leave();
    }
  }

  /** Reads a page of the log, oldest first, without waiting. */
  async list(request: ListRequest, signal: AbortSignal): Promise<EventPage> {
    const { projectId, limit } = request;
    const wanted = this.#within(request);
    const { log } = this.#needs;
    const head = log.head(projectId);
    const until = request.until === undefined ? head : Math.min(head, log.sequenceOf(projectId, request.until));
    let sequence = log.sequenceOf(projectId, request.cursor);
    const found: EventEntry[] = [];
    while (sequence < until && found.length <= limit && !signal.aborted) {
      const page = log.page(projectId, sequence, SCAN_EVENTS, until);
      found.push(...page.entries.filter((entry) => wanted(entry.event)));
      sequence = page.scannedSequence;
      await new Promise(setImmediate);
    }
    const kept = found.slice(0, limit);
    const more = found.length > limit;
    return {
      events: kept.map((entry) => entry.event),
      more_available: more,
      next_cursor: log.cursor(more ? (kept.at(-1)?.sequence ?? sequence) : sequence),
    };
  }

  #within(request: ListRequest): EventPredicate {
    const wanted = compileInterest(request);
    const sinceMs = request.since === undefined ? -Infinity : Date.parse(request.since);
    const beforeMs = request.before === undefined ? Infinity : Date.parse(request.before);
    return (event) => {
      const atMs = Date.parse(event.timestamp);
      return atMs >= sinceMs && atMs < beforeMs && wanted(event);
    };
  }

  #pageOf(step: FollowStep, limit: number, wanted: EventPredicate, projectId: string): EventPage {
    const { log } = this.#needs;
    const kept = step.entries.slice(0, limit);
    const sequence = kept.length < step.entries.length ? (kept.at(-1)?.sequence ?? step.sequence) : step.sequence;
    const rest = log.page(projectId, sequence, LIMITS.maxPageItems).entries;
    return {
      events: kept.map((entry) => entry.event),
      more_available: rest.some((entry) => wanted(entry.event)),
      next_cursor: log.cursor(sequence),
    };
  }
}
