import { expect, it } from 'vitest';
import { fileKind } from '../file-kind.ts';
import { NO_POSTING } from '../file-index.ts';
import type { IndexedFile } from '../indexed-files.ts';
import { kindPrior } from './kind-prior.ts';
import { KIND_WEIGHTS } from './weights.ts';

/** A program’s file, with nothing in it. */
function fileAt(path: string): IndexedFile {
  const [kind, none] = [fileKind(path), NO_POSTING];
  return { path, size: 0, mtimeMs: 0, stamp: '', kind, pathTerms: none, nameTerms: none, text: none, withheld: null };
}

it.each([
  ['bench/sort.py', true],
  ['asv_bench/sort.py', true],
  ['src/microbenchmarks/sort.py', true],
  ['workbench/sort.py', false],
  ['src/workbench/sort.py', false],
  ['workbench/bench/sort.py', true],
])('takes what measures for an example, not what is worked at: %s', (path, isExample) => {
  const plain = kindPrior(fileAt('src/sort.py'), true);
  expect(kindPrior(fileAt(path), true)).toBe(isExample ? plain + KIND_WEIGHTS.example : plain);
});
