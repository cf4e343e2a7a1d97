import type { IndexedFile } from '../indexed-files.ts';

/** What a file’s name shares with its test, its header and its style sheet. */
function bareStem(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1).replace(/\..*$/, '');
  return name
    .replace(/^(?:test|tests|spec)[-_]/i, '')
    .replace(/[-_](?:test|tests|spec|specs|unittest|impl|internal)$/i, '')
    .replace(/(?<=[a-z0-9])(?:Tests?|Spec|IT|TestCase|Impl)$/, '')
    .toLowerCase();
}

const stems = new WeakMap<IndexedFile, string>();

/** Remembered, so that after an edit one name is taken apart. */
function stemOf(file: IndexedFile): string {
  let stem = stems.get(file);
  if (stem === undefined) {
    stem = bareStem(file.path);
    stems.set(file, stem);
  }
  return stem;
}

/** For each file the best score among its companions: the test of a source, the source of a header. */
export function companions(files: readonly IndexedFile[], start: Float64Array): Float64Array {
  const groups = new Map<string, number[]>();
  for (const [index, file] of files.entries()) {
    const stem = stemOf(file);
    if (stem.length < 3 || COMMON.has(stem)) continue;
    const group = groups.get(stem);
    if (group) group.push(index);
    else groups.set(stem, [index]);
  }
  const scores = new Float64Array(files.length);
  for (const group of groups.values()) {
    if (group.length < 2 || group.length > 12) continue;
    for (const index of group) {
      for (const other of group) if (other !== index) scores[index] = Math.max(scores[index] ?? 0, start[other] ?? 0);
    }
  }
  return scores;
}

const COMMON = new Set([
  'index',
  'main',
  'mod',
  'lib',
  '__init__',
  'init',
  'readme',
  'package',
  'types',
  'utils',
  'util',
  'common',
  'makefile',
  'config',
]);

/** For each file how well its directory does without it: the mean of the directory’s best three others. */
export function neighbours(files: readonly IndexedFile[], start: Float64Array): Float64Array {
  const directories = new Map<string, number[]>();
  for (const [index, { path }] of files.entries()) {
    const directory = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    const inside = directories.get(directory);
    if (inside) inside.push(index);
    else directories.set(directory, [index]);
  }
  const scores = new Float64Array(files.length);
  for (const inside of directories.values()) {
    const best = inside
      .map((index) => start[index] ?? 0)
      .toSorted((a, b) => b - a)
      .slice(0, 4);
    const sum = best.reduce((total, score) => total + score, 0);
    for (const index of inside) {
      const own = start[index] ?? 0;
      const counted =
        own >= (best[3] ?? 0) && best.length > 3 ? sum - own : best.includes(own) ? sum - own : sum - (best[3] ?? 0);
      scores[index] = Math.max(0, counted) / 3;
    }
  }
  return scores;
}
