import { formatCursor, LIMITS, SidecarError, type SidecarEvent } from '@orchestration-sidecar/shared';
import type { Ids } from '../runtime/ids.ts';
import { currentCall } from '../telemetry/call-context.ts';
import { traceparentOf } from '../telemetry/trace-context.ts';
import type { EventEntry, NewEvent } from './event-entry.ts';

/** What entries of one project have in common that one job makes. */
export interface EntryBatchNeeds {
  readonly ids: Ids;
  readonly epoch: string;
  readonly projectId: string;
  /** Sequence that the first one follows. */
  readonly after: number;
  readonly acceptedAtMs: number;
  /** The same as text. */
  readonly timestamp: string;
  /** How long events are kept that do not say how long. */
  readonly ttlSeconds: number;
  readonly vanishesAtMs: (acceptedAtMs: number, expiresAtMs: number) => number;
  /** Stores them. */
  readonly store: (entries: readonly EventEntry[]) => void;
}

/** No UTF-16 code unit takes more in UTF-8. */
const MAX_BYTES_PER_CHAR = 3;

/** Entries that are made one after the other, and then stored together: what is refused of them leaves nothing behind. */
export class EntryBatch {
  readonly #needs: EntryBatchNeeds;
  readonly #traceparent: string | undefined;
  readonly #entries: EventEntry[] = [];

  constructor(needs: EntryBatchNeeds) {
    this.#needs = needs;
    const trace = currentCall()?.trace;
    this.#traceparent = trace && traceparentOf(trace);
  }

  /**
   * Makes the next entry.
   * @throws {SidecarError} `PAYLOAD_TOO_LARGE` above {@link LIMITS.maxEventBytes}.
   */
  add(draft: NewEvent): EventEntry {
    const { ids, epoch, projectId, after, acceptedAtMs, timestamp } = this.#needs;
    const sequence = after + 1 + this.#entries.length;
    const cursor = formatCursor({ epoch, sequence });
    const ttlSeconds = draft.ttlSeconds ?? this.#needs.ttlSeconds;
    const traceparent = draft.trace ? traceparentOf(draft.trace) : this.#traceparent;
    const event: SidecarEvent = {
      event_id: `evt-${ids.orderedUuid()}`,
      event_type: draft.eventType,
      publisher: draft.publisher,
      publisher_type: draft.publisherType,
      topic: draft.topic,
      data: draft.data,
      correlation_id: draft.correlationId ?? null,
      ...(traceparent !== undefined && { traceparent }),
      project_id: projectId,
      round: draft.round ?? null,
      references: draft.references ?? null,
      ttl_seconds: ttlSeconds,
      timestamp,
      cursor,
    };
    const json = JSON.stringify(event);
    if (json.length * MAX_BYTES_PER_CHAR > LIMITS.maxEventBytes) mustFit(json);
    const vanishesAtMs = this.#needs.vanishesAtMs(acceptedAtMs, acceptedAtMs + ttlSeconds * 1000);
    const entry = { sequence, cursor, event, json, acceptedAtMs, vanishesAtMs };
    this.#entries.push(entry);
    return entry;
  }

  /** Stores what was made; call it once. */
  store(): void {
    this.#needs.store(this.#entries);
  }
}

function mustFit(json: string): void {
  if (json.length <= LIMITS.maxEventBytes && Buffer.byteLength(json) <= LIMITS.maxEventBytes) return;
  throw new SidecarError('PAYLOAD_TOO_LARGE', 'The event is too large.', {
    extension: { maxBytes: LIMITS.maxEventBytes },
  });
}
