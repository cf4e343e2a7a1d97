import { holds, type Posting } from '../file-index.ts';
import type { IndexedFile } from '../indexed-files.ts';

/** BM25F: saturation, length correction, and what an occurrence in a path or a definition is worth beside one in text. */
export const BM25 = { k1: 1.2, bText: 0.75, bPath: 0.5, path: 3, define: 2 };

/** How rare each of some terms is among files, and where it occurs. */
export interface TermStatistics {
  readonly averageLength: number;
  readonly averagePathLength: number;
  /** Inverse document frequency by term. */
  readonly rarity: ReadonlyMap<number, number>;
  /** Files that hold a term, with its weighted frequency, by term. */
  readonly postings: ReadonlyMap<number, readonly (readonly [index: number, frequency: number])[]>;
}

/** Counts terms over files once, for every signal that asks. */
export function countTerms(files: readonly IndexedFile[], terms: Iterable<number>): TermStatistics {
  const mean = (lengthOf: (file: IndexedFile) => number): number =>
    Math.max(1, files.reduce((sum, file) => sum + lengthOf(file), 0) / Math.max(1, files.length));
  const averageLength = mean(({ text }) => text.length);
  const averagePathLength = mean(({ pathTerms }) => pathTerms.length);
  const rarity = new Map<number, number>();
  const postings = new Map<number, (readonly [number, number])[]>();
  const asked = [...terms];
  const counts = occurrences(files, asked);
  for (const [place, hash] of asked.entries()) {
    const found: (readonly [number, number])[] = [];
    // An index and no iterator: this is the loop that a large project waits for.
    for (let index = 0; index < files.length; index++) {
      const file = files[index];
      if (file === undefined) continue;
      const { text, pathTerms } = file;
      const inText = counts[index]?.[2 * place] ?? 0;
      const inPath = counts[index]?.[2 * place + 1] ?? 0;
      if (inText + inPath === 0) continue;
      const defined = inText > 0 && holds(text.defines, hash) ? BM25.define : 0;
      found.push([
        index,
        (inText + defined) / (1 - BM25.bText + (BM25.bText * text.length) / averageLength) +
          (BM25.path * inPath) / (1 - BM25.bPath + (BM25.bPath * pathTerms.length) / averagePathLength),
      ]);
    }
    rarity.set(hash, Math.log(1 + (files.length - found.length + 0.5) / (found.length + 0.5)));
    postings.set(hash, found);
  }
  return { averageLength, averagePathLength, rarity, postings };
}

let last: { readonly terms: string; readonly known: WeakMap<IndexedFile, Uint16Array> } = {
  terms: '',
  known: new WeakMap(),
};

/**
 * Of each file how often each term stands in its text and in its path, by turns. Remembered for the terms that were asked
 * for last, so that after an edit one file is counted.
 */
function occurrences(files: readonly IndexedFile[], terms: readonly number[]): Uint16Array[] {
  const asked = terms.join();
  if (last.terms !== asked) last = { terms: asked, known: new WeakMap() };
  const { known } = last;
  const placeOf = new Map(terms.map((hash, place) => [hash, place]));
  const isAsked = new Uint8Array(MASK + 1);
  for (const hash of terms) isAsked[hash & MASK] = 1;
  const countIn = ({ terms: own, counts: frequencies }: Posting, counts: Uint16Array, field: 0 | 1): void => {
    for (let at = 0; at < own.length; at++) {
      const hash = own[at] ?? 0;
      const place = isAsked[hash & MASK] === 1 ? placeOf.get(hash) : undefined;
      if (place !== undefined) counts[2 * place + field] = frequencies[at] ?? 0;
    }
  };
  return files.map((file) => {
    let counts = known.get(file);
    if (counts === undefined) {
      counts = new Uint16Array(terms.length * 2);
      countIn(file.text, counts, 0);
      countIn(file.pathTerms, counts, 1);
      known.set(file, counts);
    }
    return counts;
  });
}

/** Low bits of a hash, by which nearly every term that was not asked for is told apart. */
const MASK = 0xffff;

/** BM25F of weighted terms, one score a file. */
export function bm25(fileCount: number, statistics: TermStatistics, terms: ReadonlyMap<number, number>): Float64Array {
  const scores = new Float64Array(fileCount);
  for (const [hash, weight] of terms) {
    const rarity = statistics.rarity.get(hash) ?? 0;
    for (const [index, frequency] of statistics.postings.get(hash) ?? []) {
      scores[index] = (scores[index] ?? 0) + weight * rarity * ((frequency * (BM25.k1 + 1)) / (frequency + BM25.k1));
    }
  }
  return scores;
}
