/**
 * As many rows from the beginning as fit together, the first whatever its size; what comes after them is not read.
 * @param sizeOf size of a row, in the unit of `maxSize`.
 */
export function withinSize<T>(rows: Iterable<T>, sizeOf: (row: T) => number, maxSize: number): T[] {
  const taken: T[] = [];
  let size = 0;
  for (const row of rows) {
    size += sizeOf(row);
    if (size > maxSize && taken.length > 0) break;
    taken.push(row);
  }
  return taken;
}
