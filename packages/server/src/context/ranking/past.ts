import { readTerms } from '../terms.ts';
import type { Commit } from '@orchestration-sidecar/shared';
import type { TaskQuery } from '../task-query.ts';
import type { TermStatistics } from './text.ts';

/** A commit of more files than this is a sweep that says nothing of any of them. */
const MAX_COMMIT_FILES = 30;
/** After this many newer commits, a commit counts half. */
const HALF_LIFE_COMMITS = 700;

/** A commit with the terms of its message. */
export interface ReadCommit {
  readonly terms: ReadonlySet<number>;
  readonly files: readonly string[];
}

/** Reads the terms of commit messages, once for a history. */
export function readCommits(commits: readonly Commit[]): ReadCommit[] {
  return commits
    .filter(({ files }) => files.length > 0 && files.length <= MAX_COMMIT_FILES)
    .map(({ message, files }) => {
      const bytes = Buffer.from(message.slice(0, 2000));
      return { terms: new Set(readTerms(bytes, 0, bytes.length).terms), files };
    });
}

/** Files that earlier commits about the same words touched. */
export function spokenOf(
  commits: readonly ReadCommit[],
  placeOf: ReadonlyMap<string, number>,
  query: TaskQuery,
  statistics: TermStatistics,
): Float64Array {
  const scores = new Float64Array(placeOf.size);
  let whole = 0;
  for (const [hash, weight] of query.terms) whole += weight * (statistics.rarity.get(hash) ?? 0);
  if (whole === 0) return scores;
  for (const [age, { terms, files }] of commits.entries()) {
    let shared = 0;
    for (const [hash, weight] of query.terms)
      if (terms.has(hash)) shared += weight * (statistics.rarity.get(hash) ?? 0);
    if (shared === 0) continue;
    const likeness = (shared / whole) ** 2 * 2 ** (-age / HALF_LIFE_COMMITS);
    for (const path of files) {
      const place = placeOf.get(path);
      if (place !== undefined) scores[place] = (scores[place] ?? 0) + likeness / Math.sqrt(files.length);
    }
  }
  return scores;
}

/** Files that were changed together with files that rank high already. */
export function changedTogether(
  commits: readonly ReadCommit[],
  placeOf: ReadonlyMap<string, number>,
  start: Float64Array,
): Float64Array {
  const scores = new Float64Array(placeOf.size);
  const changes = new Float64Array(placeOf.size);
  for (const [age, { files }] of commits.entries()) {
    const places = files.map((path) => placeOf.get(path)).filter((place) => place !== undefined);
    const weight = 2 ** (-age / HALF_LIFE_COMMITS);
    for (const place of places) changes[place] = (changes[place] ?? 0) + 1;
    if (places.length < 2) continue;
    const sum = places.reduce((total, place) => total + (start[place] ?? 0), 0);
    if (sum === 0) continue;
    for (const place of places) {
      const others = sum - (start[place] ?? 0);
      scores[place] = (scores[place] ?? 0) + (weight * others) / (places.length - 1);
    }
  }
  // A file that every commit touches is nobody’s companion.
  return scores.map((score, place) => score / Math.sqrt(2 + (changes[place] ?? 0)));
}

/** How lately and how often files were changed: 1 for the liveliest. */
export function liveliness(commits: readonly ReadCommit[], placeOf: ReadonlyMap<string, number>): Float64Array {
  const scores = new Float64Array(placeOf.size);
  for (const [age, { files }] of commits.entries()) {
    for (const path of files) {
      const place = placeOf.get(path);
      if (place !== undefined) scores[place] = (scores[place] ?? 0) + 2 ** ((-4 * age) / HALF_LIFE_COMMITS);
    }
  }
  return scores.map((score) => Math.log1p(score));
}
