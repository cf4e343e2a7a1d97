import { scanTerms } from './terms.ts';

/** What ranking keeps of one file: its distinct terms with their counts, by field. */
export interface Posting {
  /** Term hashes, in the order in which they first occur. */
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

/** Indexes one text after another, into memory that is used again for the next lot. */
export class Indexer {
  #terms = new Uint32Array(1 << 16);
  #counts = new Uint16Array(1 << 16);
  #defines = new Uint32Array(1 << 12);
  #ends: number[] = [];
  #used = 0;
  #defined = 0;
  /**
   * Open addressing from a hash to its place among the terms. A place before those of the text at hand is a free slot, so
   * that nothing is cleared between texts.
   */
  #places = new Int32Array(1 << 14).fill(-1);
  readonly #short = Buffer.alloc(1 << 12);

  /** Adds the posting of a text, or of as many of its bytes. */
  add(bytes: Uint8Array, length = bytes.length): void {
    const read = scanTerms(bytes, 0, Math.min(length, INDEX_BYTES));
    this.#count(read.terms, read.termCount);
    this.#define(read.defines, read.defineCount);
    this.#ends.push(this.#used, this.#defined, read.termCount);
  }

  /** Adds the posting of a short text, such as a path. */
  addShort(text: string): void {
    if (text.length * 3 > this.#short.length) this.add(Buffer.from(text));
    else this.add(this.#short, this.#short.write(text));
  }

  #count(read: Uint32Array, length: number): void {
    const start = this.#used;
    if (start + length > this.#terms.length) this.#grow(start + length);
    // As little of the table as the text may need: a small one stays near the processor.
    const slots = 1 << (33 - Math.clz32(length | 8));
    if (this.#places.length < slots) this.#places = new Int32Array(slots).fill(-1);
    const mask = slots - 1;
    const [terms, counts, places] = [this.#terms, this.#counts, this.#places];
    let used = start;
    for (let index = 0; index < length; index++) {
      const hash = read[index] ?? 0;
      // Multiplying mixes the high bits down: FNV’s low bits alone cluster.
      let slot = (Math.imul(hash, 0x9e3779b1) >>> 7) & mask;
      let place = places[slot] ?? -1;
      while (place >= start && terms[place] !== hash) {
        slot = (slot + 1) & mask;
        place = places[slot] ?? -1;
      }
      if (place >= start) {
        const count = counts[place] ?? 0;
        if (count < MAX_COUNT) counts[place] = count + 1;
        continue;
      }
      places[slot] = used;
      terms[used] = hash;
      counts[used++] = 1;
    }
    this.#used = used;
  }

  #define(read: Uint32Array, length: number): void {
    if (length === 0) return;
    if (this.#defined + length > this.#defines.length) {
      const before = this.#defines;
      this.#defines = new Uint32Array(2 * (this.#defined + length));
      this.#defines.set(before);
    }
    read.subarray(0, length).sort();
    let last = -1;
    for (let index = 0; index < length; index++) {
      const hash = read[index] ?? 0;
      if (hash !== last) this.#defines[this.#defined++] = hash;
      last = hash;
    }
  }

  #grow(room: number): void {
    const [terms, counts] = [this.#terms, this.#counts];
    this.#terms = new Uint32Array(2 * room);
    this.#terms.set(terms);
    this.#counts = new Uint16Array(2 * room);
    this.#counts.set(counts);
  }

  /** Answers the postings of what was added, in order, and begins anew. */
  take(): PackedPostings {
    const packed = {
      ends: Uint32Array.from(this.#ends),
      terms: this.#terms.slice(0, this.#used),
      counts: this.#counts.slice(0, this.#used),
      defines: this.#defines.slice(0, this.#defined),
    };
    this.#ends = [];
    this.#used = 0;
    this.#defined = 0;
    this.#places.fill(-1);
    return packed;
  }
}

/** Tells postings apart again; they look into the packed arrays. */
export function unpacked(packed: PackedPostings): Posting[] {
  const { ends } = packed;
  const postings: Posting[] = [];
  let [term, define] = [0, 0];
  for (let at = 0; at < ends.length; at += 3) {
    const [termEnd = 0, defineEnd = 0, length = 0] = [ends[at], ends[at + 1], ends[at + 2]];
    postings.push(new PackedPosting(packed, term, termEnd, define, defineEnd, length));
    [term, define] = [termEnd, defineEnd];
  }
  return postings;
}

/** Makes its views when asked: views of every file, kept, were most of what there was to collect. */
class PackedPosting implements Posting {
  readonly #packed: PackedPostings;
  readonly #from: number;
  readonly #to: number;
  readonly #definesFrom: number;
  readonly #definesTo: number;
  readonly length: number;

  constructor(
    packed: PackedPostings,
    from: number,
    to: number,
    definesFrom: number,
    definesTo: number,
    length: number,
  ) {
    this.#packed = packed;
    this.#from = from;
    this.#to = to;
    this.#definesFrom = definesFrom;
    this.#definesTo = definesTo;
    this.length = length;
  }

  get terms(): Uint32Array {
    return this.#packed.terms.subarray(this.#from, this.#to);
  }

  get counts(): Uint16Array {
    return this.#packed.counts.subarray(this.#from, this.#to);
  }

  get defines(): Uint32Array {
    return this.#definesFrom === this.#definesTo
      ? NO_DEFINES
      : this.#packed.defines.subarray(this.#definesFrom, this.#definesTo);
  }
}

const NO_DEFINES = new Uint32Array();
const NO_COUNTS = new Uint16Array();

/** Posting of a text that nothing is known of. */
export const NO_POSTING: Posting = { terms: NO_DEFINES, counts: NO_COUNTS, defines: NO_DEFINES, length: 0 };

/** Counts the terms of one text. */
export function indexText(bytes: Uint8Array): Posting {
  const indexer = new Indexer();
  indexer.add(bytes);
  return unpacked(indexer.take())[0] ?? NO_POSTING;
}

/** How often a term occurs in a short posting: it is looked through. */
export function countOf({ terms, counts }: Posting, hash: number): number {
  const at = terms.indexOf(hash);
  return at < 0 ? 0 : (counts[at] ?? 0);
}

/** Whether a sorted list holds a hash. */
export function holds(sorted: Uint32Array, hash: number): boolean {
  let low = 0;
  let high = sorted.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const value = sorted[middle] ?? 0;
    if (value === hash) return true;
    if (value < hash) low = middle + 1;
    else high = middle - 1;
  }
  return false;
}
