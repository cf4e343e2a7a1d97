import type { EventLog } from './event-log.ts';
import { LogReader, type FollowStep, type ReadingFrom } from './log-reader.ts';

/** Entries read at once: short enough not to hold the event loop, long enough to catch up fast. */
export const PAGE_EVENTS = 256;

/** What is followed, from where, and until when. */
export interface FollowRequest extends ReadingFrom {
  readonly signal: AbortSignal;
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
  const { signal } = request;
  const reader = new LogReader(log, request);
  while (!signal.aborted) {
    if (!reader.behind) {
      await reader.grown(signal);
      continue;
    }
    const step = reader.next(PAGE_EVENTS);
    if (step.entries.length > 0) yield step;
    // A long stretch of unwanted entries must not hold the event loop.
    else await new Promise(setImmediate);
  }
  return reader.sequence;
}
