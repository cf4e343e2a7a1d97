import type { EventEntry } from './event-entry.ts';
import type { EventLog, LogPage } from './event-log.ts';
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
  /** Whether the reader asked for whatever is kept: what was gone before the reading began is not its loss. */
  readonly fromOldest?: boolean;
  readonly wanted: EventPredicate;
  /** Type that all wanted events have, when there is one. */
  readonly eventType?: string | undefined;
  /** Only what was accepted from `sinceMs` on and before `beforeMs`; the clock may have been set back in between. */
  readonly during?: { readonly sinceMs: number; readonly beforeMs: number } | undefined;
}

/** A position in a project’s log that moves forward page by page and notices when the log is trimmed past it. */
export class LogReader {
  readonly #log: EventLog;
  readonly #projectId: string;
  readonly #wanted: EventPredicate;
  readonly #eventType: string | undefined;
  readonly #during: ReadingFrom['during'];
  /** Gaps up to here are not this reading’s loss. */
  readonly #spared: number;
  #sequence: number;

  constructor(log: EventLog, from: ReadingFrom) {
    this.#log = log;
    this.#projectId = from.projectId;
    this.#wanted = from.wanted;
    this.#eventType = from.eventType === '*' ? undefined : from.eventType;
    this.#during = from.during;
    this.#sequence = from.after;
    this.#spared = from.fromOldest ? log.trimmed(from.projectId) : 0;
  }

  /** Position reached. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Whether there is something to read. */
  get behind(): boolean {
    return this.#log.head(this.#projectId) > this.#sequence;
  }

  /** Whether what comes next is gone, so that {@link next} throws. */
  get atGap(): boolean {
    return this.#sequence >= this.#spared && !this.#log.reaches(this.#projectId, this.#sequence);
  }

  /** Goes to a position up to which the entries came another way. */
  skipTo(sequence: number): void {
    this.#sequence = sequence;
  }

  /**
   * Reads the next page, which ends before a gap.
   * @throws {SidecarError} `CURSOR_EXPIRED` when what comes right after the position was trimmed away.
   */
  next(maxEvents: number, until?: number): FollowStep {
    const page = this.#page(maxEvents, until);
    this.#sequence = page.scannedSequence;
    return { entries: selectWanted(this.#inTime(page.entries), this.#wanted), sequence: this.#sequence };
  }

  #inTime(entries: readonly EventEntry[]): readonly EventEntry[] {
    if (this.#during === undefined) return entries;
    const { sinceMs, beforeMs } = this.#during;
    return entries.filter(({ acceptedAtMs }) => acceptedAtMs >= sinceMs && acceptedAtMs < beforeMs);
  }

  /** Goes on past new entries that come right after the position, when none of them is wanted. */
  #passesOver(entries: readonly EventEntry[]): boolean {
    const [first, last] = [entries[0], entries.at(-1)];
    if (first?.sequence !== this.#sequence + 1 || last === undefined) return false;
    if (entries.some(({ event }) => this.#wanted(event))) return false;
    this.#sequence = last.sequence;
    return true;
  }

  #page(maxEvents: number, until = Number.MAX_SAFE_INTEGER): LogPage {
    const eventType = this.#eventType;
    if (this.#sequence < this.#spared) {
      const options = { until: Math.min(until, this.#spared), eventType };
      return this.#log.page(this.#projectId, this.#sequence, maxEvents, options);
    }
    if (this.#sequence >= this.#log.trimmed(this.#projectId)) {
      return this.#log.page(this.#projectId, this.#sequence, maxEvents, { until, eventType });
    }
    this.#log.mustReach(this.#projectId, this.#sequence);
    return this.#log.unbroken(this.#projectId, this.#sequence, maxEvents, until);
  }

  /**
   * Resolves when there is something to read that may be wanted, or the signal aborts. What is not wanted moves the
   * position and wakes nobody: thousands may wait for a type that is rare while others are published all the time.
   */
  grown(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        stop();
        signal.removeEventListener('abort', settle);
        resolve();
      };
      const stop = this.#log.onCommitTo(this.#projectId, (_projectId, entries) => {
        if (!this.#passesOver(entries)) settle();
      });
      signal.addEventListener('abort', settle, { once: true });
      if (signal.aborted || this.behind) settle();
    });
  }
}
