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

it.each([
  ['src/i18n/plural.ts', false],
  ['lang/qt/src/job.cpp', false],
  ['src/i18n/de.ts', true],
  ['conf/locale/pt_BR/formats.py', true],
])('takes a program below translations for one when its path names the language: %s', (path, isTranslation) => {
  const plain = kindPrior(fileAt('src/sort.ts'), true);
  expect(kindPrior(fileAt(path), true)).toBe(isTranslation ? plain + KIND_WEIGHTS.locale : plain);
});

it('takes a program that is named like a change log for a program, and a patch for what tells of changes', () => {
  expect(kindPrior(fileAt('src/changes/history.ts'), true)).toBe(kindPrior(fileAt('src/sort.ts'), true));
  expect(kindPrior(fileAt('fix.patch'), true)).toBe(kindPrior(fileAt('data'), true) + KIND_WEIGHTS.changelog);
});
