import type { IndexedFile } from '../indexed-files.ts';
import type { TaskQuery } from '../task-query.ts';

/** Endings that make one word of another, longest first: `validator` and “validation” are of one family. */
const ENDING =
  /(?:izations?|isations?|ations?|ators?|izers?|ments?|ities|sions?|ions?|able|ible|ives?|ally|ings?|ized?|ised?|ers?|ors?|ity|ies|ed|es|al|ly|ic|de|d|e|s|y)$/;
const LONGEST_ENDING = 8;
const SHORTEST_STEM = 4;

const known = new WeakMap<IndexedFile, readonly string[]>();

/** What a word’s family has in common; short words stand for themselves. */
export function familyOf(word: string): string {
  const tail = word.slice(-LONGEST_ENDING);
  const at = tail.search(ENDING);
  const length = word.length - tail.length + at;
  return at >= 0 && length >= SHORTEST_STEM ? word.slice(0, length) : word;
}

/**
 * How much of a file’s own name is of the families of the title’s words, weighted by how rare they are among names. A word
 * that the task or the name abbreviates counts as well: `config` and “configuration”.
 */
export function alikeNames(files: readonly IndexedFile[], query: TaskQuery): Float64Array {
  const scores = new Float64Array(files.length);
  const asked = [...new Set([...query.words].map(familyOf))];
  if (asked.length === 0) return scores;
  const holders = new Map<string, number>();
  for (const file of files) for (const family of familiesOf(file)) holders.set(family, (holders.get(family) ?? 0) + 1);
  const most = Math.log(1 + files.length);
  const likenessOf = new Map<string, number>();
  for (const family of holders.keys()) {
    if (asked.includes(family)) likenessOf.set(family, 1);
    else if (asked.some((other) => abbreviates(family, other))) likenessOf.set(family, 0.6);
  }
  for (let index = 0; index < files.length; index++) {
    const file = files[index];
    if (file === undefined || !familiesOf(file).some((family) => likenessOf.has(family))) continue;
    let [said, all] = [0, 0];
    for (const family of familiesOf(file)) {
      const rarity = Math.log(1 + files.length / (holders.get(family) ?? 1));
      all += rarity;
      said += rarity * (likenessOf.get(family) ?? 0);
    }
    scores[index] = (said / all) * Math.min(1, said / most + 0.2);
  }
  return scores;
}

function abbreviates(one: string, other: string): boolean {
  return one.length < other.length
    ? one.length >= SHORTEST_STEM && other.startsWith(one)
    : other.length >= SHORTEST_STEM && one.startsWith(other);
}

/** Remembered, so that after an edit one name is taken apart. */
function familiesOf(file: IndexedFile): readonly string[] {
  let families = known.get(file);
  if (families === undefined) {
    const name = file.path.slice(file.path.lastIndexOf('/') + 1).replace(/\..*$/, '');
    const words =
      name
        .replaceAll(/([a-z0-9])(?=[A-Z])/g, '$1 ')
        .toLowerCase()
        .match(/[a-z][a-z0-9]+/g) ?? [];
    families = [...new Set(words.map(familyOf))];
    known.set(file, families);
  }
  return families;
}
