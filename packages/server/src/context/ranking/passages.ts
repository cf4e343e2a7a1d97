import { readTerms, scanTerms } from '../terms.ts';
import type { TaskQuery } from '../task-query.ts';
import { HashFilter } from './hash-filter.ts';
import type { TermStatistics } from './text.ts';

const WINDOW_LINES = 40;
const HALF_LINES = WINDOW_LINES / 2;
const K1 = 1.2;
const DEFINITION_SCORE = 20;

/** Where a task’s words stand in a text: by half window, how often each occurs. */
export type Occurrences = readonly ReadonlyMap<number, number>[];

/** Finds the words of a task in texts. Only they are kept, so that an answer is small enough to remember. */
export function occurrenceFinder(terms: ReadonlyMap<number, number>): (bytes: Uint8Array) => Occurrences {
  const filter = new HashFilter(terms.keys());
  return (bytes) => findOccurrences(bytes, terms, filter);
}

function findOccurrences(bytes: Uint8Array, terms: ReadonlyMap<number, number>, filter: HashFilter): Occurrences {
  const halves: Map<number, number>[] = [];
  let counts = new Map<number, number>();
  for (let start = 0; start < bytes.length;) {
    let end = start;
    for (let lines = 0; lines < HALF_LINES && end < bytes.length; lines++) {
      const newline = bytes.indexOf(10, end);
      end = newline < 0 ? bytes.length : newline + 1;
    }
    const read = scanTerms(bytes, start, end);
    for (let index = 0; index < read.termCount; index++) {
      const hash = read.terms[index] ?? 0;
      if (filter.passes(hash) && terms.has(hash)) counts.set(hash, (counts.get(hash) ?? 0) + 1);
    }
    halves.push(counts);
    counts = new Map();
    start = end;
  }
  return halves;
}

/** The window of a text that says most of a task. */
export interface Passage {
  readonly score: number;
  /** Where it begins. */
  readonly line: number;
}

/**
 * Finds the best window of a text against weighted terms: what one place says, where a long file’s total says too little
 * of any. Windows overlap by half.
 */
export function passageFinder(
  terms: ReadonlyMap<number, number>,
  statistics: TermStatistics,
): (occurrences: Occurrences) => Passage {
  const worth = new Map([...terms].map(([hash, weight]) => [hash, weight * (statistics.rarity.get(hash) ?? 0)]));
  return (occurrences) => {
    let best = { score: 0, line: 1 };
    let previous: ReadonlyMap<number, number> | undefined;
    for (let place = 0; place < occurrences.length; place++) {
      const half = occurrences[place];
      let score = 0;
      half?.forEach((count, hash) => {
        score += (worth.get(hash) ?? 0) * saturated(count + (previous?.get(hash) ?? 0));
      });
      previous?.forEach((count, hash) => {
        if (half?.has(hash) !== true) score += (worth.get(hash) ?? 0) * saturated(count);
      });
      if (score > best.score) best = { score, line: Math.max(0, place - 1) * HALF_LINES + 1 };
      previous = half;
    }
    return best;
  };
}

function saturated(count: number): number {
  return (count * (K1 + 1)) / (count + K1);
}

/** Scores ranges of lines by the task’s words in them, for choosing the parts of a file that matter. */
export function lineScorer(query: TaskQuery): (content: string) => (from: number, to: number) => number {
  return (content) => {
    let byLine: Float64Array | undefined;
    return (from, to) => {
      byLine ??= scoreEachLine(content, query);
      let score = 0;
      for (let line = from; line <= to; line++) score += byLine[line] ?? 0;
      return score;
    };
  };
}

function scoreEachLine(content: string, query: TaskQuery): Float64Array {
  return Float64Array.from(content.split('\n'), (line) => {
    const bytes = Buffer.from(line);
    const read = readTerms(bytes, 0, bytes.length);
    let score = 0;
    for (const hash of new Set(read.terms)) score += query.terms.get(hash) ?? 0;
    // The definition of what the task names is the first thing to show.
    for (const hash of new Set(read.defines)) if (query.identifiers.has(hash)) score += DEFINITION_SCORE;
    return score;
  });
}
