import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The breaking changes that the pending changesets own up to: lines `- breaks: <change>` in `.changeset/*.md`, the
 * change as the check prints it. They are spent when a version is made, together with their changesets.
 */
export function declaredChanges(root: string): string[] {
  const directory = join(root, '.changeset');
  return readdirSync(directory)
    .filter((name) => name.endsWith('.md') && name !== 'README.md')
    .flatMap((name) => [...readFileSync(join(directory, name), 'utf8').matchAll(/^- breaks: (.+)$/gm)])
    .map(([, change = '']) => change.trim());
}
