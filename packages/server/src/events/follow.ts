import type { EventEntry } from './event-entry.ts';
import type { EventLog } from './event-log.ts';
import type { EventPredicate } from './filter.ts';

/** Entries read at once: short enough not to hold the event loop, long enough to catch up fast. */
const PAGE_EVENTS = 256;

/** What is followed, from where, and until when. */
export interface FollowRequest {
  readonly projectId: string;
  /** Sequence after which to start. */
  readonly after: number;
  readonly wanted: EventPredicate;
  readonly signal: AbortSignal;
}

/** One step of a following. */
export interface FollowStep {
  /** Wanted entries, oldest first; may be empty when nothing on the way was wanted. */
  readonly entries: readonly EventEntry[];
  /** Position reached; where to come back to. */
  readonly sequence: number;
}

/**
 * Follows a project’s log: what is retained after the position, then live, in one loop, so there is no gap between
 * the two. Ends when the signal aborts, and answers the sequence it had reached.
 *
 * The loop pulls: a consumer that does not ask for the next step holds one page at most, and is caught up later
 * from its position.
 * @throws {SidecarError} `CURSOR_EXPIRED` when the log was trimmed past the position.
 */
export async function* follow(log: EventLog, request: FollowRequest): AsyncGenerator<FollowStep, number, void> {
  const { projectId, wanted, signal } = request;
  let sequence = request.after;
  while (!signal.aborted) {
    const page = log.page(projectId, sequence, PAGE_EVENTS);
    const advanced = page.scannedSequence > sequence;
    sequence = page.scannedSequence;
    if (advanced) {
      const entries = page.entries.filter((entry) => wanted(entry.event));
      if (entries.length > 0) yield { entries, sequence };
      // A long stretch of unwanted entries must not hold the event loop.
      else await new Promise(setImmediate);
    } else {
      await nextCommit(log, projectId, sequence, signal);
    }
  }
  return sequence;
}

/** Resolves when the project’s log is past the sequence, or the signal aborts. */
function nextCommit(log: EventLog, projectId: string, sequence: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      stop();
      signal.removeEventListener('abort', settle);
      resolve();
    };
    const stop = log.onCommit((committed) => {
      if (committed === projectId) settle();
    });
    signal.addEventListener('abort', settle, { once: true });
    if (signal.aborted || log.head(projectId) > sequence) settle();
  });
}
