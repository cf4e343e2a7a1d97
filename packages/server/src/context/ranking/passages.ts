import { readTerms } from '../terms.ts';
import type { TaskQuery } from '../task-query.ts';
import type { TermStatistics } from './text.ts';

const WINDOW_LINES = 40;
const K1 = 1.2;

/**
 * Best window of a text against weighted terms: what one place says, where a long file’s total says too little of any.
 * Windows overlap by half.
 */
export function bestPassage(
  bytes: Uint8Array,
  terms: ReadonlyMap<number, number>,
  statistics: TermStatistics,
): { readonly score: number; readonly line: number } {
  const half = WINDOW_LINES / 2;
  let previous = new Map<number, number>();
  let current = new Map<number, number>();
  let best = { score: 0, line: 1 };
  let line = 0;
  let start = 0;
  const settle = (): void => {
    let score = 0;
    for (const map of [previous, current]) {
      for (const [hash, count] of map) {
        if (map === current && previous.has(hash)) continue;
        const total = map === previous ? count + (current.get(hash) ?? 0) : count;
        const weight = (terms.get(hash) ?? 0) * (statistics.rarity.get(hash) ?? 0);
        score += weight * ((total * (K1 + 1)) / (total + K1));
      }
    }
    if (score > best.score) best = { score, line: Math.max(1, line - WINDOW_LINES + 1) };
    previous = current;
    current = new Map();
  };
  const sink = {
    term(hash: number): void {
      if (terms.has(hash)) current.set(hash, (current.get(hash) ?? 0) + 1);
    },
  };
  while (start < bytes.length) {
    let end = start;
    let lines = 0;
    while (end < bytes.length && lines < half) if (bytes[end++] === 10) lines++;
    readTerms(bytes, start, end, sink);
    line += lines;
    settle();
    start = end;
  }
  return best;
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
    const seen = new Set<number>();
    let score = 0;
    readTerms(bytes, 0, bytes.length, {
      term(hash, kind) {
        const key = kind === 'define' ? ~hash : hash;
        if (seen.has(key)) return;
        seen.add(key);
        // The definition of what the task names is the first thing to show.
        score += kind === 'define' ? (query.identifiers.has(hash) ? 20 : 0) : (query.terms.get(hash) ?? 0);
      },
    });
    return score;
  });
}
