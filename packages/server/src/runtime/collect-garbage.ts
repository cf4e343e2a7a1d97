import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: unknown;

/**
 * Collects all garbage, now; takes from tens of milliseconds up to a second for a heap of gigabytes. For a process that
 * is short of memory: V8 collects when something is allocated, and one that refuses all work allocates nothing.
 */
export function collectGarbage(): void {
  if (collect === undefined) {
    // A context that is made after this has `gc`; that of the program stays as it is.
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc');
  }
  if (typeof collect === 'function') Reflect.apply(collect, undefined, []);
}
