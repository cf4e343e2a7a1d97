import { countOf, holds } from '../file-index.ts';
import type { IndexedFile } from '../indexed-files.ts';
import type { TaskQuery } from '../task-query.ts';
import type { TermStatistics } from './text.ts';

/**
 * Paths that the task names: whole, from any directory on, by file name, or as a dotted module. A name that several
 * files share counts less for each.
 */
export function mentionedPaths(files: readonly IndexedFile[], query: TaskQuery): Float64Array {
  const scores = new Float64Array(files.length);
  if (query.paths.length === 0) return scores;
  const byName = new Map<string, number[]>();
  const paths = files.map(({ path }) => path.toLowerCase());
  for (const [index, path] of paths.entries()) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const stem = name.replace(/\.[^.]*$/, '');
    for (const key of new Set([name, stem])) {
      const sharing = byName.get(key);
      if (sharing) sharing.push(index);
      else byName.set(key, [index]);
    }
  }
  const raise = (index: number, score: number): void => {
    scores[index] = Math.max(scores[index] ?? 0, score);
  };
  for (const mention of query.paths) {
    for (const spelling of spellings(mention)) {
      const parts = spelling.path.split('/').filter((part) => part !== '' && part !== '.' && part !== '..');
      const sharing = byName.get(parts.at(-1) ?? '') ?? [];
      // Of a path from elsewhere on the reporter’s machine, as many last parts as one of ours has.
      let longest = 0;
      const matched = sharing.map((index) => {
        const own = (paths[index] ?? '').split('/').toReversed();
        let length = 1;
        while (length < parts.length && length < own.length && own[length] === parts.at(-1 - length)) length++;
        longest = Math.max(longest, length);
        return [index, length] as const;
      });
      const best = matched.filter(([, length]) => length === longest);
      const whole = longest === parts.length ? 1 : 0.6;
      const certainty = longest > 1 ? 1 : 0.8;
      for (const [index] of best) raise(index, (spelling.trust * whole * certainty) / Math.sqrt(best.length));
    }
  }
  return scores;
}

/** How a mention may be written as a path: as it stands, or with dots for slashes and a member’s name at the end. */
function spellings(mention: string): { path: string; trust: number }[] {
  const found = [{ path: mention, trust: 1 }];
  if (!mention.includes('/') && /^[\w]+(?:\.[\w]+)+$/.test(mention)) {
    const parts = mention.split('.');
    found.push({ path: parts.join('/'), trust: 0.8 });
    if (parts.length > 1) found.push({ path: parts.slice(0, -1).join('/'), trust: 0.6 });
    if (parts.length > 2) found.push({ path: parts.slice(0, -2).join('/'), trust: 0.5 });
  }
  return found;
}

const NO_TERMS = new Uint32Array();

/** How much of a file’s own name the task says, weighted by how rare the words are. */
export function namedFiles(files: readonly IndexedFile[], query: TaskQuery, statistics: TermStatistics): Float64Array {
  const scores = new Float64Array(files.length);
  const unknown = Math.log(1 + files.length);
  for (let index = 0; index < files.length; index++) {
    const hashes = files[index]?.nameTerms.terms ?? NO_TERMS;
    let said = 0;
    let all = 0;
    for (let place = 0; place < hashes.length; place++) {
      const hash = hashes[place] ?? 0;
      const rarity = statistics.rarity.get(hash);
      all += rarity ?? unknown * 0.5;
      if (rarity !== undefined && query.terms.has(hash)) said += rarity;
    }
    // A rare name said in full is worth more than a common one.
    if (all > 0) scores[index] = (said / all) * Math.min(1, said / unknown + 0.2) * (said > 0 ? 1 : 0);
  }
  return scores;
}

/** Files that define what the task names, rarer definitions counting more. */
export function definedNames(files: readonly IndexedFile[], query: TaskQuery): Float64Array {
  const scores = new Float64Array(files.length);
  const asked = [...query.identifiers];
  const found = asked.map((): number[] => []);
  // Indices and no iterators: each file is looked at for each name, and most of them before this is compiled.
  for (let index = 0; index < files.length; index++) {
    const defines = files[index]?.text.defines;
    if (defines === undefined || defines.length === 0) continue;
    for (let place = 0; place < asked.length; place++) {
      if (holds(defines, asked[place] ?? 0)) found[place]?.push(index);
    }
  }
  for (const definers of found) {
    if (definers.length > 50) continue;
    for (const index of definers) scores[index] = (scores[index] ?? 0) + 1 / definers.length;
  }
  return scores;
}

/** Files whose path lies in the area that the title begins with. */
export function inScope(files: readonly IndexedFile[], query: TaskQuery, statistics: TermStatistics): Float64Array {
  const scores = new Float64Array(files.length);
  // Words that no file has would only make light of those that some have.
  const known = [...query.scopeTerms].filter((hash) => (statistics.postings.get(hash)?.length ?? 0) > 0);
  const all = known.reduce((sum, hash) => sum + (statistics.rarity.get(hash) ?? 0), 0);
  if (all === 0) return scores;
  for (const [index, { pathTerms }] of files.entries()) {
    let found = 0;
    for (const hash of known) if (countOf(pathTerms, hash) > 0) found += statistics.rarity.get(hash) ?? 0;
    scores[index] = found / all;
  }
  return scores;
}
