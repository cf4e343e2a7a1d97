import type { EventLog } from './event-log.ts';
import type { FanOut, LiveReading, Sink } from './fan-out.ts';
import { follow, PAGE_EVENTS, type FollowRequest } from './follow.ts';
import { LogReader, type FollowStep } from './log-reader.ts';

/** What a following is made of. */
export interface FollowingNeeds {
  readonly log: EventLog;
  readonly fanOut: FanOut;
  /** Counts the reader as a subscriber until the returned function is called. */
  readonly join: () => () => void;
}

/**
 * A reader of the log, past and present in one: iterate it, or pour it into a sink. Either is done once, and ends when
 * the request’s signal aborts.
 */
export class Following implements AsyncIterable<FollowStep> {
  readonly #needs: FollowingNeeds;
  readonly #request: FollowRequest & LiveReading;

  constructor(needs: FollowingNeeds, request: FollowRequest & LiveReading) {
    this.#needs = needs;
    this.#request = request;
  }

  /** @throws {SidecarError} `CURSOR_EXPIRED` when the log was trimmed past a slow reader. */
  async *[Symbol.asyncIterator](): AsyncGenerator<FollowStep, number, void> {
    const leave = this.#needs.join();
    try {
      return yield* follow(this.#needs.log, this.#request);
    } finally {
      leave();
    }
  }

  /**
   * Writes entries into a sink: page by page until it is caught up, then as one of its live group. A sink that is full
   * waits until it has drained and is caught up from its position, so what it costs is bounded by its own buffer.
   * @throws {SidecarError} `CURSOR_EXPIRED` as for iterating.
   */
  async pour(sink: Sink): Promise<void> {
    const { log, fanOut, join } = this.#needs;
    const { signal } = this.#request;
    const reader = new LogReader(log, this.#request);
    const leave = join();
    try {
      while (!signal.aborted) {
        if (!sink.hasRoom) {
          await sink.drained(signal);
        } else if (reader.behind) {
          // Pages end at the same places for all, so that those who are behind can share them.
          const end = (Math.floor(reader.sequence / PAGE_EVENTS) + 1) * PAGE_EVENTS;
          const { entries } = reader.next(PAGE_EVENTS, end);
          if (entries.length > 0) sink.write(fanOut.page(this.#request, sink, entries));
          // Others get their turn between two pages.
          await new Promise(setImmediate);
        } else {
          reader.skipTo(await fanOut.serve(this.#request, sink, signal));
        }
      }
    } finally {
      leave();
    }
  }
}
