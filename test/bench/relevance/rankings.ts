import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ProjectIndex, withHistory } from '../../../packages/server/src/context/project-index.ts';
import { rankFiles } from '../../../packages/server/src/context/ranking/rank.ts';
import { readTask } from '../../../packages/server/src/context/task-query.ts';

/** Orders of all paths of a tree, by the way that made them. */
export type Ranking = Readonly<Record<'sidecar' | 'bm25' | 'path' | 'recency' | 'random', readonly string[]>>;

const signal = new AbortController().signal;

/** Ranks the tree that is checked out, again and again, reading only what has changed between. */
export function rankings(root: string): (title: string, body: string) => Promise<Ranking> {
  const index = new ProjectIndex(root);
  const words = new WordIndex(root);
  return async (title, body) => {
    const state = await withHistory(await index.look(signal));
    const files = (await index.index(state, signal)).filter(({ withheld }) => withheld === null);
    const paths = files.map(({ path }) => path);
    const texts = new Map(files.map(({ path, stamp }) => [path, words.of(path, stamp)]));
    const query = wordsOf(`${title}\n${body}`);
    const lastTouched = new Map<string, number>();
    for (const [age, commit] of (state.history?.commits ?? []).entries()) {
      for (const path of commit.files) if (!lastTouched.has(path)) lastTouched.set(path, age);
    }
    const pathScores = bm25(paths, query, (path) => counted(wordsOf(path)));
    const textScores = bm25(paths, query, (path) => texts.get(path) ?? new Map());
    return {
      sidecar: rankFiles(files, readTask(title, body, null), state).map(({ file }) => file.path),
      bm25: ordered(paths, (path) => 3 * (pathScores.get(path) ?? 0) + (textScores.get(path) ?? 0)),
      path: ordered(paths, (path) => pathScores.get(path) ?? 0),
      recency: ordered(paths, (path) => -(lastTouched.get(path) ?? Number.MAX_SAFE_INTEGER)),
      random: ordered(paths, (path) =>
        createHash('sha256')
          .update(title + path)
          .digest()
          .readUInt32BE(0),
      ),
    };
  };
}

type Counts = ReadonlyMap<string, number>;

/** Words of files, kept while a file stays as it was. */
class WordIndex {
  readonly #root: string;
  readonly #known = new Map<string, { readonly stamp: string; readonly counts: Counts }>();

  constructor(root: string) {
    this.#root = root;
  }

  of(path: string, stamp: string): Counts {
    const known = this.#known.get(path);
    if (known?.stamp === stamp) return known.counts;
    const counts = counted(wordsOf(readFileSync(join(this.#root, path), 'utf8').slice(0, 768 * 1024)));
    this.#known.set(path, { stamp, counts });
    return counts;
  }
}

/** Words with identifiers split at underscores and at case: `parseHTTPHeader` is three. */
function wordsOf(text: string): string[] {
  const split = text.replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2').replaceAll(/([A-Z])([A-Z][a-z])/g, '$1 $2');
  return split.toLowerCase().match(/[a-z0-9]{2,40}/g) ?? [];
}

function counted(words: readonly string[]): Counts {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** Plain BM25 (k1 1.2, b 0.75). */
function bm25(
  paths: readonly string[],
  query: readonly string[],
  countsOf: (path: string) => Counts,
): Map<string, number> {
  const documents = paths.map((path) => {
    const counts = countsOf(path);
    return { path, counts, length: counts.values().reduce((sum, count) => sum + count, 0) };
  });
  const average = Math.max(1, documents.reduce((sum, { length }) => sum + length, 0) / Math.max(1, documents.length));
  const scores = new Map<string, number>();
  for (const word of new Set(query)) {
    const holding = documents.filter(({ counts }) => counts.has(word));
    const rarity = Math.log(1 + (documents.length - holding.length + 0.5) / (holding.length + 0.5));
    for (const { path, counts, length } of holding) {
      const count = counts.get(word) ?? 0;
      const gain = (rarity * count * 2.2) / (count + 1.2 * (0.25 + (0.75 * length) / average));
      scores.set(path, (scores.get(path) ?? 0) + gain);
    }
  }
  return scores;
}

function ordered(paths: readonly string[], score: (path: string) => number): string[] {
  const scores = new Map(paths.map((path) => [path, score(path)]));
  return paths.toSorted((a, b) => (scores.get(b) ?? 0) - (scores.get(a) ?? 0) || (a < b ? -1 : 1));
}
