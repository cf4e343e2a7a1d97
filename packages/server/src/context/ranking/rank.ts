import type { Commit } from '@orchestration-sidecar/shared';
import { LRUCache } from 'lru-cache';
import { INDEX_BYTES } from '../file-index.ts';
import type { IndexedFile } from '../indexed-files.ts';
import type { ProjectState } from '../project-index.ts';
import { peek } from '../read-inside.ts';
import type { TaskQuery } from '../task-query.ts';
import { spreadOverReferences } from './graph.ts';
import { kindPrior } from './kind-prior.ts';
import { definedNames, inScope, mentionedPaths, namedFiles } from './names.ts';
import { occurrenceFinder, passageFinder, type Occurrences } from './passages.ts';
import { busyAreas, changedTogether, liveliness, messagesOf, readCommits, spokenOf, type ReadCommit } from './past.ts';
import { companions, neighbours } from './surroundings.ts';
import { bm25, countTerms, type TermStatistics } from './text.ts';
import { alikeNames } from './word-families.ts';
import { SIGNAL_WEIGHTS, type SignalName } from './weights.ts';

/** A file’s rank: its score and the parts that made it. */
export interface Ranked {
  readonly file: IndexedFile;
  /** 1 for the best file of this task, 0 for a source file that has nothing to do with it; less for other kinds. */
  readonly score: number;
  /** What each signal added to the score. */
  readonly parts: Readonly<Partial<Record<SignalName, number>>>;
  /** Line from which on the file’s best passage stands; null where none was looked for. */
  readonly line: number | null;
}

/** Values between 0 and 1, one a file; a signal that cannot be had is left out. */
type Signals = Partial<Record<SignalName, Float64Array>>;

/** Fewer commits than this are no history: a shallow clone, or an import. */
const MIN_COMMITS = 30;
/** Files whose text and references are looked at closely. */
const CANDIDATES = 200;

/** Ranks files against a task, best first; equal scores by path. */
export function rankFiles(files: readonly IndexedFile[], query: TaskQuery, state: ProjectState): Ranked[] {
  const { signals, lines } = measureSignals(files, query, state);
  return settle(files, signals, lines);
}

/** What the signals say of each file, in the order of the files; and where the best passages begin, by file. */
function measureSignals(
  files: readonly IndexedFile[],
  query: TaskQuery,
  state: ProjectState,
): { readonly signals: Signals; readonly lines: ReadonlyMap<number, number> } {
  const statistics = countTerms(
    files,
    new Set([...query.terms.keys(), ...query.titleTerms.keys(), ...query.scopeTerms]),
  );
  const signals: Signals = {
    text: normalised(bm25(files.length, statistics, query.terms)),
    title: normalised(bm25(files.length, statistics, query.titleTerms)),
    mention: mentionedPaths(files, query),
    name: namedFiles(files, query, statistics),
    alike: alikeNames(files, query),
    define: normalised(definedNames(files, query)),
    scope: inScope(files, query, statistics),
  };
  signals.named_text = product(signals.text, signals.name);
  const first = normalised(
    sum(files.length, [
      [signals.text, 1],
      [signals.title, 0.5],
      [signals.mention, 1],
      [signals.name, 0.3],
    ]),
  );
  addPast(signals, files, query, state, statistics, first);
  signals.companion = companions(files, first);
  signals.directory = neighbours(files, first);
  const lines = addCloseLook(signals, files, query, state, statistics, first);
  return { signals, lines };
}

/** Looks closely at the best so far: their best passages, and who refers to whom. */
function addCloseLook(
  signals: Signals,
  files: readonly IndexedFile[],
  query: TaskQuery,
  state: ProjectState,
  statistics: TermStatistics,
  first: Float64Array,
): Map<number, number> {
  const start = first.map((score, index) => score + (signals.past?.[index] ?? 0) / 2);
  const candidates = [...start.keys()]
    .filter((index) => (start[index] ?? 0) > 0)
    .toSorted((a, b) => (start[b] ?? 0) - (start[a] ?? 0))
    .slice(0, CANDIDATES);
  const passage = new Float64Array(files.length);
  const titlePassage = new Float64Array(files.length);
  const lines = new Map<number, number>();
  const occurrencesIn = rememberedOccurrences(query, state);
  const bestOfTask = passageFinder(query.terms, statistics);
  const bestOfTitle = passageFinder(query.titleTerms, statistics);
  for (const index of candidates) {
    const file = files[index];
    if (file === undefined || file.withheld !== null) continue;
    const occurrences = occurrencesIn(file);
    const best = bestOfTask(occurrences);
    passage[index] = best.score;
    lines.set(index, best.line);
    titlePassage[index] = bestOfTitle(occurrences).score;
  }
  signals.passage = normalised(passage);
  signals.title_passage = normalised(titlePassage);
  const graph = new Float64Array(files.length);
  const home = Float64Array.from(candidates, (index) => (first[index] ?? 0) ** 2);
  const among = candidates.flatMap((index) => files[index] ?? []);
  for (const [place, gained] of spreadOverReferences(among, home).entries()) graph[candidates[place] ?? 0] = gained;
  signals.graph = normalised(graph);
  return lines;
}

const readHistories = new WeakMap<readonly Commit[], ReadCommit[]>();

function readOnce(commits: readonly Commit[]): ReadCommit[] {
  let read = readHistories.get(commits);
  if (read === undefined) {
    read = readCommits(commits);
    readHistories.set(commits, read);
  }
  return read;
}

/** Files that were looked at for a task lately, so that an edit makes only one of them be read again. */
const remembered = new LRUCache<string, Occurrences>({ max: 4000 });

function rememberedOccurrences(query: TaskQuery, state: ProjectState): (file: IndexedFile) => Occurrences {
  // Every word of the title is one of the task.
  const find = occurrenceFinder(query.terms);
  return (file) => {
    const key = `${query.digest}\0${state.root}\0${file.path}\0${file.stamp}`;
    let found = remembered.get(key);
    if (found === undefined) {
      found = find(peek(state.root, file.path, INDEX_BYTES, file.size) ?? Buffer.alloc(0));
      remembered.set(key, found);
    }
    return found;
  };
}

function addPast(
  signals: Signals,
  files: readonly IndexedFile[],
  query: TaskQuery,
  state: ProjectState,
  statistics: TermStatistics,
  first: Float64Array,
): void {
  if (state.history === null || state.history.commits.length < MIN_COMMITS) return;
  const placeOf = new Map(files.map(({ path }, index) => [path, index]));
  const commits = readOnce(state.history.commits);
  signals.past = normalised(spokenOf(commits, placeOf, query, statistics));
  signals.together = normalised(
    changedTogether(
      commits,
      placeOf,
      sum(files.length, [
        [first, 1],
        [signals.past, 0.5],
      ]),
    ),
  );
  signals.messages = normalised(messagesOf(commits, placeOf, query));
  signals.lively = normalised(liveliness(commits, placeOf));
  signals.area = normalised(busyAreas(commits, placeOf));
}

function settle(files: readonly IndexedFile[], signals: Signals, lines: ReadonlyMap<number, number>): Ranked[] {
  const weighted = Object.entries(signals) as [SignalName, Float64Array][];
  const gained = sum(
    files.length,
    weighted.map(([name, values]) => [values, SIGNAL_WEIGHTS[name]]),
  );
  const priors = files.map((file) => kindPrior(file, signals.lively !== undefined));
  const totals = priors.map((prior, index) => (gained[index] ?? 0) + prior);

  // Zero is what a usual file scores without any signal.
  const zero = Float64Array.from(priors).toSorted()[Math.floor(priors.length * 0.75)] ?? 0;
  const top = totals.reduce((best, total) => Math.max(best, total), zero);
  const scale = top > zero && gained.some((gain) => gain > 0) ? 1 / (top - zero) : 0;
  return files
    .map((file, index) => {
      const score = ((totals[index] ?? 0) - zero) * scale;
      return new RankedFile(file, score, lines.get(index) ?? null, () =>
        Object.fromEntries(
          weighted
            .map(([name, values]) => [name, (values[index] ?? 0) * SIGNAL_WEIGHTS[name] * scale] as const)
            .filter(([, share]) => share >= 0.005),
        ),
      );
    })
    .toSorted((a, b) => b.score - a.score || (a.file.path < b.file.path ? -1 : 1));
}

/** Its parts are added up when asked for: a large project ranks many more files than it shows. */
class RankedFile implements Ranked {
  readonly file: IndexedFile;
  readonly score: number;
  readonly line: number | null;
  readonly #partsOf: () => Ranked['parts'];

  constructor(file: IndexedFile, score: number, line: number | null, partsOf: () => Ranked['parts']) {
    this.file = file;
    this.score = score;
    this.line = line;
    this.#partsOf = partsOf;
  }

  get parts(): Ranked['parts'] {
    return this.#partsOf();
  }
}

function normalised(values: Float64Array): Float64Array {
  const top = values.reduce((best, value) => Math.max(best, value), 0);
  return top > 0 ? values.map((value) => value / top) : values;
}

function product(a: Float64Array | undefined, b: Float64Array | undefined): Float64Array {
  return (a ?? new Float64Array()).map((value, index) => value * (b?.[index] ?? 0));
}

function sum(length: number, parts: readonly (readonly [Float64Array | undefined, number])[]): Float64Array {
  const total = new Float64Array(length);
  for (const [values, weight] of parts) {
    if (values === undefined) continue;
    for (let index = 0; index < length; index++) total[index] = (total[index] ?? 0) + (values[index] ?? 0) * weight;
  }
  return total;
}
