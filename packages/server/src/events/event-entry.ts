import type { SidecarEvent } from '@orchestration-sidecar/shared';
import type { TraceContext } from '../telemetry/trace-context.ts';

/** An event of the log with the text it travels as, which is made once and never per reader. */
export interface EventEntry {
  readonly sequence: number;
  /** Position right after the event. */
  readonly cursor: string;
  readonly event: SidecarEvent;
  /** `JSON.stringify(event)`. */
  readonly json: string;
  /** The event’s `timestamp`, for whoever need not parse the text otherwise. */
  readonly acceptedAtMs: number;
  /**
   * From when on readers pass over it, because its own time to live ran out. Infinity where that is not shorter than
   * the age to which the log keeps everything: such an event is there until it is swept, and whoever missed it is told.
   */
  readonly vanishesAtMs: number;
}

/** What a publisher wants in the log, checked and complete but for its place and time. */
export interface NewEvent {
  readonly projectId: string;
  readonly eventType: string;
  readonly topic: string;
  readonly publisher: string;
  readonly publisherType: string;
  readonly data: SidecarEvent['data'];
  readonly correlationId?: string | null | undefined;
  readonly round?: number | null | undefined;
  readonly references?: string | null | undefined;
  /** Place in a trace. Default: that of the call which publishes. */
  readonly trace?: TraceContext | undefined;
  /** Default 86,400. */
  readonly ttlSeconds?: number | undefined;
}
