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

/** Counts terms of one text at a time in open addressing, because a Map a file costs more than reading it. */
class TermCounter implements TermSink {
  #keys = new Uint32Array(1 << 14);
  #counts = new Uint32Array(1 << 14);
  #used: number[] = [];
  #defines = new Set<number>();
  length = 0;

  term(hash: number, kind: TermKind): void {
    if (kind === 'define') {
      this.#defines.add(hash);
      return;
    }
    this.length++;
    if (this.#used.length * 2 > this.#keys.length) this.#grow();
    this.#add(hash, 1);
  }

  #add(hash: number, count: number): void {
    const mask = this.#keys.length - 1;
    // Multiplying mixes the high bits down: FNV’s low bits alone cluster.
    let slot = (Math.imul(hash, 0x9e3779b1) >>> 7) & mask;
    for (;;) {
      if (this.#counts[slot] === 0) {
        this.#keys[slot] = hash;
        this.#counts[slot] = count;
        this.#used.push(slot);
        return;
      }
      if (this.#keys[slot] === hash) {
        this.#counts[slot] = (this.#counts[slot] ?? 0) + count;
        return;
      }
      slot = (slot + 1) & mask;
    }
  }

  #grow(): void {
    const [keys, counts, used] = [this.#keys, this.#counts, this.#used];
    this.#keys = new Uint32Array(keys.length * 2);
    this.#counts = new Uint32Array(keys.length * 2);
    this.#used = [];
    for (const slot of used) this.#add(keys[slot] ?? 0, counts[slot] ?? 0);
  }

  /** Answers what was counted and starts anew. */
  take(): Posting {
    const terms = new Uint32Array(this.#used.length);
    for (let index = 0; index < terms.length; index++) terms[index] = this.#keys[this.#used[index] ?? 0] ?? 0;
    terms.sort();
    const counts = new Uint16Array(terms.length);
    const mask = this.#keys.length - 1;
    for (let index = 0; index < terms.length; index++) {
      const hash = terms[index] ?? 0;
      let slot = (Math.imul(hash, 0x9e3779b1) >>> 7) & mask;
      while (this.#keys[slot] !== hash || this.#counts[slot] === 0) slot = (slot + 1) & mask;
      counts[index] = Math.min(MAX_COUNT, this.#counts[slot] ?? 0);
    }
    const posting = { terms, counts, defines: Uint32Array.from(this.#defines).toSorted(), length: this.length };
    for (const slot of this.#used) this.#counts[slot] = 0;
    this.#used = [];
    this.#defines = new Set();
    this.length = 0;
    return posting;
  }
}

const counter = new TermCounter();

/** Counts the terms of a text. */
export function indexText(bytes: Uint8Array): Posting {
  readTerms(bytes, 0, Math.min(bytes.length, INDEX_BYTES), counter);
  return counter.take();
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
