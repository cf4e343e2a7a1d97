import type { IndexedFile } from '../indexed-files.ts';
import { HashFilter } from './hash-filter.ts';

const DAMPING = 0.6;
const ROUNDS = 12;
/** A name that more files define than this joins nothing. */
const MAX_DEFINERS = 8;

/**
 * Personalised PageRank over who refers to whose definitions, among some files. It starts from and returns to the files
 * in proportion to `start`; the answer is in the order of `files`.
 */
export function spreadOverReferences(files: readonly IndexedFile[], start: Float64Array): Float64Array {
  const definers = new Map<number, number[]>();
  for (const [index, { text }] of files.entries()) {
    const { defines } = text;
    for (let place = 0; place < defines.length; place++) {
      const hash = defines[place] ?? 0;
      const known = definers.get(hash);
      if (known) known.push(index);
      else definers.set(hash, [index]);
    }
  }
  const filter = new HashFilter(definers.keys());
  const edges = files.map(() => new Map<number, number>());
  for (const [from, { text }] of files.entries()) {
    const { terms, counts } = text;
    for (let place = 0; place < terms.length; place++) {
      const hash = terms[place] ?? 0;
      const defining = filter.passes(hash) ? definers.get(hash) : undefined;
      if (defining === undefined || defining.length > MAX_DEFINERS) continue;
      for (const to of defining) {
        if (to === from) continue;
        const weight = Math.sqrt(counts[place] ?? 1) / defining.length;
        edges[from]?.set(to, (edges[from]?.get(to) ?? 0) + weight);
        // Being used says a little about the user too: a change of a definition reaches its callers.
        edges[to]?.set(from, (edges[to]?.get(from) ?? 0) + weight / 2);
      }
    }
  }
  const total = start.reduce((sum, value) => sum + value, 0);
  if (total === 0) return new Float64Array(files.length);
  const home = start.map((value) => value / total);
  const out = edges.map((targets) => targets.values().reduce((sum, weight) => sum + weight, 0));
  let rank = home;
  for (let round = 0; round < ROUNDS; round++) {
    const next = home.map((value) => value * (1 - DAMPING));
    for (const [from, targets] of edges.entries()) {
      const mass = (rank[from] ?? 0) * DAMPING;
      const sum = out[from] ?? 0;
      if (sum === 0) {
        next[from] = (next[from] ?? 0) + mass;
        continue;
      }
      targets.forEach((weight, to) => {
        next[to] = (next[to] ?? 0) + (mass * weight) / sum;
      });
    }
    rank = next;
  }
  return rank;
}
