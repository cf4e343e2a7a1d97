import { globSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { blocksOf } from './tutorial.ts';

const root = resolve(import.meta.dirname, '../..');

/**
 * Which test runs the code of a page. Blocks in `bash` and `ts` are what a reader types; `sh` is for what cannot be run
 * here as it stands: installing from a registry, or a line with a part left out.
 */
const RUN_BY: Readonly<Record<string, string>> = {
  'README.md': 'test/readme/readme.test.ts',
  'docs/bash.md': 'test/docs/bash.test.ts',
  'docs/cli.md': 'packages/cli/src/help-text.test.ts',
  'docs/configuration.md': 'test/cli/config.test.ts',
  'docs/operations.md': 'test/docs/operations.test.ts',
  'docs/profiles.md': 'test/docs/profiles.test.ts',
  'docs/sdk.md': 'test/docs/sdk.test.ts',
  'docs/security.md': 'test/docs/security.test.ts',
  'packages/sdk/README.md': 'test/docs/sdk-readme.test.ts',
  'packages/server/README.md': 'test/packages/packages.test.ts',
  'packages/shared/README.md': 'test/packages/packages.test.ts',
};

test('every page with code is run by a test that is there', () => {
  const pages = ['*.md', 'docs/*.md', 'docs/reference/*.md', 'packages/*/README.md']
    .flatMap((pattern) => globSync(pattern, { cwd: root }))
    .filter((page) => {
      const text = readFileSync(join(root, page), 'utf8');
      return blocksOf(text, 'bash').length + blocksOf(text, 'ts').length > 0;
    });
  expect(pages.toSorted()).toEqual(Object.keys(RUN_BY).toSorted());
  for (const [page, path] of Object.entries(RUN_BY)) {
    // The commands of the reference are read where they are made.
    const word =
      page === 'docs/cli.md' ? 'examples' : page === 'docs/configuration.md' ? 'sidecar.config.ts' : basename(page);
    expect(readFileSync(join(root, path), 'utf8'), `${path} runs ${page}`).toContain(word);
  }
});
