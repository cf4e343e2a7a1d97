/** A suggestion further off than this share of the word is a guess, not a help. */
const MAX_SHARE = 0.4;

/** The name that was probably meant; undefined when none is close. Case does not count. */
export function closestName(word: string, names: readonly string[]): string | undefined {
  const [best] = names
    .map((name) => ({ name, distance: distance(word.toLowerCase(), name.toLowerCase()) }))
    .toSorted((a, b) => a.distance - b.distance);
  return best && best.distance <= Math.max(1, Math.floor(word.length * MAX_SHARE)) ? best.name : undefined;
}

/** Edits from one word to the other: insert, delete, replace, swap neighbours (Damerau, optimal string alignment). */
function distance(from: string, to: string): number {
  let older: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1];
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current.push(
        Math.min(
          at(previous, column) + 1,
          at(current, column - 1) + 1,
          at(previous, column - 1) + (same ? 0 : 1),
          swapped ? at(older, column - 2) + 1 : Infinity,
        ),
      );
    }
    [older, previous] = [previous, current];
  }
  return previous[to.length] ?? 0;
}

function at(line: readonly number[], index: number): number {
  return line[index] ?? Infinity;
}
