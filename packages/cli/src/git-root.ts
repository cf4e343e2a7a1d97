import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/**
 * Root of the git working tree that holds a directory, or null outside of one. A `.git` file (linked working tree,
 * submodule) counts like a `.git` directory.
 */
export function gitRoot(directory: string): string | null {
  for (let place = resolve(directory); ; place = dirname(place)) {
    if (existsSync(join(place, '.git'))) return place;
    if (place === dirname(place)) return null;
  }
}
