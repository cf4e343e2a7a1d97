import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const PAGES = ['*.md', 'docs/**/*.md', 'packages/*/*.md', '.changeset/*.md', 'demo/**/*.md', 'profiles/**/*.md'];
const pages = globSync(PAGES, { cwd: root });

/** The text of a page, without what is code. */
function proseOf(page: string): string {
  return readFileSync(join(root, page), 'utf8').replaceAll(/^ *```[\s\S]*?^ *```$/gm, '');
}

/** What a heading can be reached by, as GitHub makes it. */
function anchorsOf(page: string): string[] {
  return [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{Letter}\p{Number}_\- ]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('every link from one page to another leads to a file, and to a heading where it names one', () => {
  const links = pages.flatMap((page) =>
    [...proseOf(page).matchAll(/\]\((?!\w+:)([^)#\s]*)#?([^)\s]*)\)/g)].map(([, path = '', anchor = '']) => {
      const target = path === '' ? page : join(dirname(page), path);
      return { page, target, anchor };
    }),
  );
  expect(links.length).toBeGreaterThan(100);
  expect(links.filter(({ target }) => !existsSync(join(root, target)))).toEqual([]);
  const named = links.filter(({ target, anchor }) => anchor !== '' && target.endsWith('.md'));
  expect(named.filter(({ target, anchor }) => !anchorsOf(target).includes(anchor))).toEqual([]);
});
