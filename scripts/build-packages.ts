import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './places.mjs';

/** The packages that are published, in the order in which they need each other. */
export const PUBLISHED = ['shared', 'sdk', 'server', 'cli'] as const;
/** One of {@link PUBLISHED}. */
export type Published = (typeof PUBLISHED)[number];

/** Builds packages into their `dist`. The server's is not emptied: `npm start` keeps bundles of its own there. */
export function buildPackages(names: readonly Published[] = PUBLISHED): void {
  const tsdown = join(root, 'node_modules/tsdown/dist/run.mjs');
  for (const name of names) {
    const cwd = join(root, 'packages', name);
    if (name !== 'server') rmSync(join(cwd, 'dist'), { recursive: true, force: true });
    execFileSync(process.execPath, [tsdown, '--log-level', 'error'], { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
  }
}
