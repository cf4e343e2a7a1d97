import { LRUCache } from 'lru-cache';
import type { EventEntry } from './event-entry.ts';
import type { EventLog } from './event-log.ts';
import type { EventPredicate } from './filter.ts';
import { PAGE_EVENTS } from './follow.ts';

/** Where a following is poured: a socket, as the event bus sees it. */
export interface Sink {
  /** Sinks of equal format get the same bytes, made once for all of them. */
  readonly format: string;
  encode(entries: readonly EventEntry[]): Uint8Array;
  /** Whether it takes more in for now; nothing is written to it while it does not. */
  readonly hasRoom: boolean;
  /** Takes bytes in. */
  write(bytes: Uint8Array): void;
  /** Resolves when there is room again, or the signal aborts. */
  drained(signal: AbortSignal): Promise<void>;
}

/** Whom live events go to. */
export interface LiveReading {
  readonly projectId: string;
  /** Readings of equal key want the same events. */
  readonly key: string;
  readonly wanted: EventPredicate;
}

/** Text gathered before it is sent even though the tick is not over: bounds what one write adds to a socket. */
const MAX_GATHERED_CHARS = 256 * 1024;
/** Encoded pages kept for the next reader that is behind, of all groups together. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024;

/**
 * The way to all sinks: those that want the same events in the same format form a group, for which an event is
 * filtered, encoded and gathered once. Every sink gets one write per tick.
 */
export class FanOut {
  readonly #log: EventLog;
  readonly #groups = new Map<string, Group>();
  readonly #pages = new LRUCache<string, Uint8Array>({
    maxSize: MAX_PAGE_BYTES,
    sizeCalculation: ({ byteLength }) => byteLength,
  });

  constructor(log: EventLog) {
    this.#log = log;
  }

  /**
   * Serves a sink that has been caught up with the log, until it is full or the signal aborts. Resolves with the
   * sequence it has been served up to.
   */
  serve(reading: LiveReading, sink: Sink, signal: AbortSignal): Promise<number> {
    const name = groupOf(reading, sink);
    const known = this.#groups.get(name);
    const group = known ?? new Group(this.#log, reading, sink, () => this.#groups.delete(name));
    if (!known) this.#groups.set(name, group);
    return group.serve(sink, signal);
  }

  /** A page of the log as a sink wants it: those that fell behind together are caught up with the same bytes. */
  page(reading: LiveReading, sink: Sink, entries: readonly EventEntry[]): Uint8Array {
    // Entries never change and never come between others, so the ends and the number say which they are.
    const [first, last] = [entries[0]?.sequence, entries.at(-1)?.sequence];
    const name = `${groupOf(reading, sink)}\n${first}-${last}:${entries.length}`;
    const known = this.#pages.get(name);
    if (known) return known;
    const bytes = sink.encode(entries);
    this.#pages.set(name, bytes);
    return bytes;
  }
}

/** Names what sinks have in common that get the same bytes. */
function groupOf(reading: LiveReading, sink: Sink): string {
  return `${sink.format}\n${reading.key}`;
}

/** Sinks that get the same bytes. It listens to the log while it has any. */
class Group {
  readonly #encode: Sink['encode'];
  readonly #members = new Map<Sink, (sequence: number) => void>();
  readonly #stop: () => void;
  readonly #onEmpty: () => void;
  #gathered: EventEntry[] = [];
  #gatheredChars = 0;
  /** Newest entry that was looked at; every member has been served up to it once nothing is gathered. */
  #sequence: number;
  #scheduled = false;

  constructor(log: EventLog, { projectId, wanted }: LiveReading, first: Sink, onEmpty: () => void) {
    this.#encode = (entries) => first.encode(entries);
    this.#onEmpty = onEmpty;
    this.#sequence = log.head(projectId);
    this.#stop = log.onCommitTo(projectId, (_projectId, entries) => this.#gather(entries, wanted));
  }

  serve(sink: Sink, signal: AbortSignal): Promise<number> {
    // What is gathered is older than the newcomer’s position.
    this.#flush();
    return new Promise((resolve) => {
      const leave = (sequence: number): void => {
        signal.removeEventListener('abort', onAbort);
        if (this.#members.delete(sink) && this.#members.size === 0) this.#close();
        resolve(sequence);
      };
      const onAbort = (): void => leave(this.#sequence);
      this.#members.set(sink, leave);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
  }

  #gather(entries: readonly EventEntry[], wanted: EventPredicate): void {
    for (const entry of entries) {
      this.#sequence = entry.sequence;
      if (!wanted(entry.event)) continue;
      this.#gathered.push(entry);
      this.#gatheredChars += entry.json.length;
      // What is sent live is no longer a list than what is caught up with.
      if (this.#gatheredChars >= MAX_GATHERED_CHARS || this.#gathered.length >= PAGE_EVENTS) this.#flush();
    }
    if (this.#gathered.length === 0 || this.#scheduled) return;
    this.#scheduled = true;
    // Publishers are answered before subscribers are told: their promises settle in between.
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#gathered.length === 0 || this.#members.size === 0) return;
    const bytes = this.#encode(this.#gathered);
    const served = (this.#gathered[0]?.sequence ?? this.#sequence + 1) - 1;
    this.#gathered = [];
    this.#gatheredChars = 0;
    for (const [sink, leave] of this.#members) {
      if (sink.hasRoom) sink.write(bytes);
      else leave(served);
    }
  }

  #close(): void {
    this.#stop();
    this.#onEmpty();
  }
}
