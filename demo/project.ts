import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The repository that the demo’s agents work on: the one named, else a fresh clone of this one. */
export function openProject(named: string | undefined, workDirectory: string): string {
  if (named !== undefined) {
    const root = resolve(named);
    if (!existsSync(join(root, '.git'))) throw new Error(`${root} is not a git repository`);
    return root;
  }
  const clone = join(workDirectory, 'project');
  const here = resolve(import.meta.dirname, '..');
  execFileSync('git', ['clone', '--quiet', '--no-hardlinks', here, clone], { stdio: 'inherit' });
  return clone;
}
