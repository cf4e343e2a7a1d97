import type { EventEntry } from './event-entry.ts';

/** Share of its bytes that a ring holds on to beyond them. */
const MAX_EVICTED_SHARE = 1 / 8;

/**
 * The newest entries of one project’s log in memory, bounded by number and by bytes. Sequences in it are
 * contiguous, so a position is found by subtraction.
 */
export class Ring {
  #entries: EventEntry[] = [];
  /** Entries before this index have been evicted; compacted now and then, which makes eviction cheap. */
  #start = 0;
  #bytes = 0;
  /** Text of those before it, which the list still holds on to. */
  #evictedBytes = 0;
  readonly #maxEvents: number;
  readonly #maxBytes: number;

  /** @param maxBytes bound of the summed JSON text, in UTF-16 code units; at least the newest entry is kept. */
  constructor(maxEvents: number, maxBytes: number) {
    this.#maxEvents = maxEvents;
    this.#maxBytes = maxBytes;
  }

  /** Entries held. */
  get size(): number {
    return this.#entries.length - this.#start;
  }

  /** Adds the entry that follows the newest one. */
  push(entry: EventEntry): void {
    this.#entries.push(entry);
    this.#bytes += entry.json.length;
    while (this.size > this.#maxEvents || (this.#bytes > this.#maxBytes && this.size > 1)) this.#evict();
    this.#compact();
  }

  /** Drops the entries up to a sequence. */
  dropThrough(sequence: number): void {
    for (let first = this.#first; first && first.sequence <= sequence; first = this.#first) this.#evict();
    this.#compact();
  }

  /** Entries after a sequence, oldest first; `undefined` when the ring does not reach back to it. */
  after(sequence: number, maxEvents: number): readonly EventEntry[] | undefined {
    const first = this.#first;
    if (!first || sequence < first.sequence - 1) return undefined;
    const index = this.#start + (sequence - first.sequence + 1);
    return this.#entries.slice(index, index + maxEvents);
  }

  get #first(): EventEntry | undefined {
    return this.#entries[this.#start];
  }

  #evict(): void {
    const bytes = this.#first?.json.length ?? 0;
    this.#bytes -= bytes;
    this.#evictedBytes += bytes;
    this.#start += 1;
  }

  #compact(): void {
    const isMany = this.#start > 1024 && this.#start > this.size;
    const isLarge = this.#evictedBytes > this.#maxBytes * MAX_EVICTED_SHARE;
    // A quiet ring must not hold on to the texts of what it has evicted.
    if (!isMany && !isLarge && this.#start < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#start);
    this.#start = 0;
    this.#evictedBytes = 0;
  }
}
