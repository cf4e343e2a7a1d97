import { readTerms, type TermKind, type TermSink } from './terms.ts';

/** What ranking keeps of one file: its distinct terms with their counts, by field. */
export interface Posting {
  /** Term hashes, ascending. */
  readonly terms: Uint32Array;
  /** How often the term at the same place occurs, capped. */
  readonly counts: Uint16Array;
  /** Hashes of names the text seems to define, ascending. */
  readonly defines: Uint32Array;
  /** Terms read, with repetition. */
  readonly length: number;
}

/** Bytes of a file that are read for ranking; what comes later ranks nothing. */
export const INDEX_BYTES = 768 * 1024;
const MAX_COUNT = 0xffff;

/** Postings of many texts in a few arrays: they move between threads without a copy, and take little memory beside. */
export interface PackedPostings {
  /** Of each posting in turn: where its terms end, where its definitions end, and its length. */
  readonly ends: Uint32Array<ArrayBuffer>;
  readonly terms: Uint32Array<ArrayBuffer>;
  readonly counts: Uint16Array<ArrayBuffer>;
  readonly defines: Uint32Array<ArrayBuffer>;
}

/** Counts terms of one text at a time in open addressing, because a Map a file costs more than reading it. */
class TermCounter implements TermSink {
  #keys = new Uint32Array(1 << 14);
  #counts = new Uint32Array(1 << 14);
  /** Slots in use. */
  #slots = new Uint32Array(1 << 13);
  used = 0;
  length = 0;
  readonly defines = new Set<number>();

  term(hash: number, kind: TermKind): void {
    if (kind === 'define') {
      this.defines.add(hash);
      return;
    }
    this.length++;
    this.#add(hash, 1);
  }

  #slotOf(hash: number): number {
    const mask = this.#keys.length - 1;
    // Multiplying mixes the high bits down: FNV’s low bits alone cluster.
    let slot = (Math.imul(hash, 0x9e3779b1) >>> 7) & mask;
    while (this.#counts[slot] !== 0 && this.#keys[slot] !== hash) slot = (slot + 1) & mask;
    return slot;
  }

  #add(hash: number, count: number): void {
    const slot = this.#slotOf(hash);
    const before = this.#counts[slot] ?? 0;
    this.#counts[slot] = before + count;
    if (before !== 0) return;
    this.#keys[slot] = hash;
    this.#slots[this.used++] = slot;
    if (this.used === this.#slots.length) this.#grow();
  }

  #grow(): void {
    const [keys, counts, slots] = [this.#keys, this.#counts, this.#slots];
    this.#keys = new Uint32Array(keys.length * 2);
    this.#counts = new Uint32Array(keys.length * 2);
    this.#slots = new Uint32Array(slots.length * 2);
    this.used = 0;
    for (const slot of slots) this.#add(keys[slot] ?? 0, counts[slot] ?? 0);
  }

  /** Writes what was counted, and starts anew. Both arrays have room for exactly that. */
  take(terms: Uint32Array, counts: Uint16Array): void {
    for (let index = 0; index < terms.length; index++) terms[index] = this.#keys[this.#slots[index] ?? 0] ?? 0;
    terms.sort();
    for (let index = 0; index < terms.length; index++) {
      counts[index] = Math.min(MAX_COUNT, this.#counts[this.#slotOf(terms[index] ?? 0)] ?? 0);
    }
    for (let index = 0; index < this.used; index++) this.#counts[this.#slots[index] ?? 0] = 0;
    this.used = 0;
    this.length = 0;
    if (this.defines.size > 0) this.defines.clear();
  }
}

const counter = new TermCounter();

/** Indexes one text after another. */
export class Indexer {
  #ends: number[] = [];
  #terms = new Uint32Array(1 << 12);
  #counts = new Uint16Array(1 << 12);
  #defines: number[] = [];
  #used = 0;

  /** Adds the posting of a text. */
  add(bytes: Uint8Array): void {
    readTerms(bytes, 0, Math.min(bytes.length, INDEX_BYTES), counter);
    const end = this.#used + counter.used;
    if (end > this.#terms.length) this.#grow(end);
    const { length } = counter;
    if (counter.defines.size > 0) this.#defines.push(...Uint32Array.from(counter.defines).toSorted());
    counter.take(this.#terms.subarray(this.#used, end), this.#counts.subarray(this.#used, end));
    this.#used = end;
    this.#ends.push(end, this.#defines.length, length);
  }

  #grow(room: number): void {
    const [terms, counts] = [this.#terms, this.#counts];
    const capacity = Math.max(room, terms.length * 2);
    this.#terms = new Uint32Array(capacity);
    this.#terms.set(terms);
    this.#counts = new Uint16Array(capacity);
    this.#counts.set(counts);
  }

  /** Answers the postings of what was added, in order. */
  packed(): PackedPostings {
    return {
      ends: Uint32Array.from(this.#ends),
      terms: this.#terms.slice(0, this.#used),
      counts: this.#counts.slice(0, this.#used),
      defines: Uint32Array.from(this.#defines),
    };
  }
}

/** Tells postings apart again; they look into the packed arrays. */
export function unpacked({ ends, terms, counts, defines }: PackedPostings): Posting[] {
  const postings: Posting[] = [];
  let [term, define] = [0, 0];
  for (let at = 0; at < ends.length; at += 3) {
    const [termEnd = 0, defineEnd = 0, length = 0] = ends.subarray(at, at + 3);
    postings.push({
      terms: terms.subarray(term, termEnd),
      counts: counts.subarray(term, termEnd),
      defines: define === defineEnd ? NO_DEFINES : defines.subarray(define, defineEnd),
      length,
    });
    [term, define] = [termEnd, defineEnd];
  }
  return postings;
}

const NO_DEFINES = new Uint32Array();
const NO_COUNTS = new Uint16Array();

/** Posting of a text that nothing is known of. */
export const NO_POSTING: Posting = { terms: NO_DEFINES, counts: NO_COUNTS, defines: NO_DEFINES, length: 0 };

/** Counts the terms of one text. */
export function indexText(bytes: Uint8Array): Posting {
  const indexer = new Indexer();
  indexer.add(bytes);
  return unpacked(indexer.packed())[0] ?? NO_POSTING;
}

/** How often a term occurs in a posting. */
export function countOf({ terms, counts }: Posting, hash: number): number {
  const at = placeOf(terms, hash);
  return at < 0 ? 0 : (counts[at] ?? 0);
}

/** Whether a sorted list holds a hash. */
export function holds(sorted: Uint32Array, hash: number): boolean {
  return placeOf(sorted, hash) >= 0;
}

function placeOf(sorted: Uint32Array, hash: number): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const value = sorted[middle] ?? 0;
    if (value === hash) return middle;
    if (value < hash) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
