import type { EventEntry } from './event-entry.ts';
import type { EventLog } from './event-log.ts';
import { selectWanted, type EventPredicate } from './filter.ts';

/** One step of a reading. */
export interface FollowStep {
  /** Wanted entries, oldest first; may be empty when nothing on the way was wanted. */
  readonly entries: readonly EventEntry[];
  /** Position reached; where to come back to. */
  readonly sequence: number;
}

/** Which events of which project are read, and from where. */
export interface ReadingFrom {
  readonly projectId: string;
  /** Sequence after which to start. */
  readonly after: number;
  readonly wanted: EventPredicate;
  /** Type that all wanted events have, when there is one. */
  readonly eventType?: string | undefined;
}

/** A position in a project’s log that moves forward page by page and notices when the log is trimmed past it. */
export class LogReader {
  readonly #log: EventLog;
  readonly #projectId: string;
  readonly #wanted: EventPredicate;
  readonly #eventType: string | undefined;
  #sequence: number;
  /** What was gone before this reading began is not its loss. */
  #trimmed: number;

  constructor(log: EventLog, from: ReadingFrom) {
    this.#log = log;
    this.#projectId = from.projectId;
    this.#wanted = from.wanted;
    this.#eventType = from.eventType === '*' ? undefined : from.eventType;
    this.#sequence = from.after;
    this.#trimmed = log.trimmed(from.projectId);
  }

  /** Position reached. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Whether there is something to read. */
  get behind(): boolean {
    return this.#log.head(this.#projectId) > this.#sequence;
  }

  /** Goes to a position up to which the entries came another way. */
  skipTo(sequence: number): void {
    this.#sequence = sequence;
    this.#trimmed = this.#log.trimmed(this.#projectId);
  }

  /**
   * Reads the next page.
   * @throws {SidecarError} `CURSOR_EXPIRED` when the log was trimmed past the position meanwhile.
   */
  next(maxEvents: number, until?: number): FollowStep {
    const trimmed = this.#log.trimmed(this.#projectId);
    if (trimmed !== this.#trimmed) {
      this.#log.mustReach(this.#projectId, this.#sequence);
      this.#trimmed = trimmed;
    }
    const options = { until, eventType: this.#eventType };
    const page = this.#log.page(this.#projectId, this.#sequence, maxEvents, options);
    this.#sequence = page.scannedSequence;
    return { entries: selectWanted(page.entries, this.#wanted), sequence: this.#sequence };
  }

  /** Resolves when there is something to read, or the signal aborts. */
  grown(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        stop();
        signal.removeEventListener('abort', settle);
        resolve();
      };
      const stop = this.#log.onCommitTo(this.#projectId, settle);
      signal.addEventListener('abort', settle, { once: true });
      if (signal.aborted || this.behind) settle();
    });
  }
}
