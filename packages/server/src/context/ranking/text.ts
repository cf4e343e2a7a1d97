import { holds, type Posting } from '../file-index.ts';
import { HashFilter } from './hash-filter.ts';
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
  const asked = [...terms];
  const found: (readonly [number, number])[][] = asked.map(() => []);
  const occurrencesOf = finderOf(asked);
  for (const [index, file] of files.entries()) {
    const { text, pathTerms } = file;
    const occurrences = occurrencesOf(file);
    for (let at = 0; at < occurrences.length; at += 3) {
      const [place = 0, inText = 0, inPath = 0] = [occurrences[at], occurrences[at + 1], occurrences[at + 2]];
      const defined = inText > 0 && holds(text.defines, asked[place] ?? 0) ? BM25.define : 0;
      found[place]?.push([
        index,
        (inText + defined) / (1 - BM25.bText + (BM25.bText * text.length) / averageLength) +
          (BM25.path * inPath) / (1 - BM25.bPath + (BM25.bPath * pathTerms.length) / averagePathLength),
      ]);
    }
  }
  const rarity = new Map<number, number>();
  const postings = new Map<number, (readonly [number, number])[]>();
  for (const [place, hash] of asked.entries()) {
    const holders = found[place] ?? [];
    rarity.set(hash, Math.log(1 + (files.length - holders.length + 0.5) / (holders.length + 0.5)));
    postings.set(hash, holders);
  }
  return { averageLength, averagePathLength, rarity, postings };
}

/** Of each term that a file holds its place among those asked for, how often it stands in the text, and in the path. */
type Occurrences = Uint32Array;
const NONE: Occurrences = new Uint32Array();

let last: { readonly terms: string; readonly known: WeakMap<IndexedFile, Occurrences> } = {
  terms: '',
  known: new WeakMap(),
};

/** Finds terms in files. Remembered for the terms that were asked for last, so that after an edit one file is counted. */
function finderOf(terms: readonly number[]): (file: IndexedFile) => Occurrences {
  const asked = terms.join();
  if (last.terms !== asked) last = { terms: asked, known: new WeakMap() };
  const { known } = last;
  const placeOf = new Map(terms.map((hash, place) => [hash, place]));
  const filter = new HashFilter(terms);
  const counts = new Uint16Array(terms.length * 2);
  const count = ({ terms: own, counts: frequencies }: Posting, field: 0 | 1): boolean => {
    let any = false;
    for (let at = 0; at < own.length; at++) {
      const hash = own[at] ?? 0;
      if (!filter.passes(hash)) continue;
      const place = placeOf.get(hash);
      if (place === undefined) continue;
      counts[2 * place + field] = frequencies[at] ?? 0;
      any = true;
    }
    return any;
  };
  const find = ({ text, pathTerms }: IndexedFile): Occurrences => {
    const inText = count(text, 0);
    if (!count(pathTerms, 1) && !inText) return NONE;
    const found: number[] = [];
    for (let place = 0; place < terms.length; place++) {
      const [texts = 0, paths = 0] = [counts[2 * place], counts[2 * place + 1]];
      if (texts + paths > 0) found.push(place, texts, paths);
    }
    counts.fill(0);
    return Uint32Array.from(found);
  };
  return (file) => {
    let occurrences = known.get(file);
    if (occurrences === undefined) {
      occurrences = find(file);
      known.set(file, occurrences);
    }
    return occurrences;
  };
}

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
