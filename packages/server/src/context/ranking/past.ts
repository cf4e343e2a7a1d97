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
    for (const hash of terms) shared += (query.terms.get(hash) ?? 0) * (statistics.rarity.get(hash) ?? 0);
    if (shared === 0) continue;
    const likeness = (shared / whole) ** 2 * 2 ** (-age / HALF_LIFE_COMMITS);
    for (const path of files) {
      const place = placeOf.get(path);
      if (place !== undefined) scores[place] = (scores[place] ?? 0) + likeness / Math.sqrt(files.length);
    }
  }
  return scores;
}

/** Saturation and length correction of {@link messagesOf}. */
const MESSAGES = { k1: 1.2, b: 0.6 };

/** BM25 of the task over what was said with each file’s changes, as if that were one text; what is older says less. */
export function messagesOf(
  commits: readonly ReadCommit[],
  placeOf: ReadonlyMap<string, number>,
  query: TaskQuery,
): Float64Array {
  // Few files of a large project were ever changed: only they have a column.
  const columnOf = new Map<number, number>();
  const placed = commits.map(({ terms, files }) => {
    const columns: number[] = [];
    for (const path of files) {
      const place = placeOf.get(path);
      if (place === undefined) continue;
      const column = columnOf.get(place) ?? columnOf.size;
      columnOf.set(place, column);
      columns.push(column);
    }
    // What is said of many files says less of each.
    return { terms, columns, share: 1 / Math.sqrt(files.length) };
  });
  const changed = columnOf.size;
  const lengths = new Float64Array(changed);
  const frequencies = new Map<number, Float32Array>();
  for (const [age, { terms, columns, share }] of placed.entries()) {
    for (const column of columns) lengths[column] = (lengths[column] ?? 0) + terms.size * share;
    const weight = share * 2 ** (-age / HALF_LIFE_COMMITS);
    for (const hash of terms) {
      if (!query.terms.has(hash)) continue;
      const found = frequencies.get(hash) ?? new Float32Array(changed);
      frequencies.set(hash, found);
      for (const column of columns) found[column] = (found[column] ?? 0) + weight;
    }
  }
  const mean = lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, changed);
  const saturation = lengths.map((length) => MESSAGES.k1 * (1 - MESSAGES.b + (MESSAGES.b * length) / mean));
  const gained = new Float64Array(changed);
  for (const [hash, found] of frequencies) {
    let holding = 0;
    for (let column = 0; column < changed; column++) if ((found[column] ?? 0) > 0) holding++;
    const worth = (query.terms.get(hash) ?? 0) * Math.log(1 + (changed - holding + 0.5) / (holding + 0.5));
    // Indices and no iterators: this is run for every word of the task that commits know.
    for (let column = 0; column < changed; column++) {
      const frequency = found[column] ?? 0;
      if (frequency === 0) continue;
      const gain = (frequency * (MESSAGES.k1 + 1)) / (frequency + (saturation[column] ?? 1));
      gained[column] = (gained[column] ?? 0) + worth * gain;
    }
  }
  const scores = new Float64Array(placeOf.size);
  for (const [place, column] of columnOf) scores[place] = gained[column] ?? 0;
  return scores;
}

/** After this many newer commits, a commit counts half for where work is going on. */
const AREA_HALF_LIFE_COMMITS = 10;

/** Files of the directories that the newest commits changed: work goes on where it went on. */
export function busyAreas(commits: readonly ReadCommit[], placeOf: ReadonlyMap<string, number>): Float64Array {
  const busy = new Map<string, number>();
  for (const [age, { files }] of commits.entries()) {
    const weight = 2 ** (-age / AREA_HALF_LIFE_COMMITS) / Math.sqrt(files.length);
    if (weight < 1e-6) break;
    for (const path of files) busy.set(directoryOf(path), (busy.get(directoryOf(path)) ?? 0) + weight);
  }
  const scores = new Float64Array(placeOf.size);
  for (const [path, place] of placeOf) scores[place] = busy.get(directoryOf(path)) ?? 0;
  return scores;
}

function directoryOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
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
