import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'oxfmt';
import { root } from './places.mjs';

/** Where the changes of all packages are told together. */
export const CHANGELOG = 'CHANGELOG.md';

/** Whose pages are read, and what a package is called beside a change that is not of all. */
const PACKAGES = { cli: 'command', sdk: 'SDK', server: 'server', shared: 'contract' } as const;
const LEVELS = ['Major', 'Minor', 'Patch'] as const;

const HEAD = `# Changes

All packages have one version. A change says whom it is for, where that is not everybody. What the next version brings is in
[.changeset](.changeset), a file for each change; \`npm run version\` moves it here, and into the pages of the packages
([command](packages/cli/CHANGELOG.md), [SDK](packages/sdk/CHANGELOG.md), [server](packages/server/CHANGELOG.md),
[contract](packages/shared/CHANGELOG.md)).
`;

/** The page that tells what changed in each version, newest first, each change once: from the pages of the packages. */
export async function changelog(): Promise<string> {
  const pages = Object.entries(PACKAGES).map(([folder, name]) => {
    const text = readFileSync(join(root, 'packages', folder, CHANGELOG), 'utf8');
    return { name, text };
  });
  return (await format(CHANGELOG, joinChanges(pages), { printWidth: 120, singleQuote: true })).code;
}

/** Joins pages as `changeset version` writes them. */
function joinChanges(pages: readonly { readonly name: string; readonly text: string }[]): string {
  const versions = new Map<string, Map<string, Map<string, string[]>>>();
  for (const { name, text } of pages) {
    for (const [version, body] of sectionsOf(text, '##')) {
      const levels = versions.get(version) ?? new Map<string, Map<string, string[]>>();
      versions.set(version, levels);
      for (const [level, list] of sectionsOf(body, '###')) {
        const changes = levels.get(level) ?? new Map<string, string[]>();
        levels.set(level, changes);
        for (const change of changesOf(list)) changes.set(change, [...(changes.get(change) ?? []), name]);
      }
    }
  }
  const parts = [...versions].map(([version, levels]) => {
    const lists = LEVELS.flatMap((level) => {
      const changes = [...(levels.get(`${level} Changes`) ?? [])];
      const lines = changes.map(([text, names]) =>
        names.length === pages.length ? `- ${text}` : `- ${names.join(', ')}: ${text}`,
      );
      return lines.length === 0 ? [] : [`### ${level}\n\n${lines.join('\n')}\n`];
    });
    return `## ${version}\n\n${lists.join('\n')}`;
  });
  return [HEAD, ...parts].join('\n');
}

function sectionsOf(text: string, mark: string): (readonly [string, string])[] {
  return text
    .split(new RegExp(`^${mark} `, 'm'))
    .slice(1)
    .map((part) => [part.slice(0, part.indexOf('\n')).trim(), part.slice(part.indexOf('\n'))] as const);
}

/** What changed, without the commit; that one package now needs another’s new version is none of a reader’s business. */
function changesOf(list: string): string[] {
  return list
    .split(/^- /m)
    .slice(1)
    .filter((entry) => !entry.startsWith('Updated dependencies'))
    .map((entry) => entry.replace(/^[0-9a-f]{7,40}: /, '').trimEnd());
}
