import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The repository that somebody named for the demo’s agents to work on; undefined when it is none. */
export function namedRepository(path: string): string | undefined {
  const root = resolve(path);
  return existsSync(join(root, '.git')) ? root : undefined;
}

/** A fresh clone of this repository, for agents that work on none of anybody’s. */
export function cloneOfThis(workDirectory: string): string {
  const clone = join(workDirectory, 'project');
  const here = resolve(import.meta.dirname, '..');
  execFileSync('git', ['clone', '--quiet', '--no-hardlinks', here, clone], { stdio: 'inherit' });
  return clone;
}
