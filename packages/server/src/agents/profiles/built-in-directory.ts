import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The directory of the profiles that come with the sidecar: the nearest `profiles/` with `agents/` in it, at or
 * above the given module. That is the repository's when run from source, and the package's own when published.
 *
 * @throws {Error} when there is none, which means that the installation is broken.
 */
export function builtInProfiles(moduleUrl: string = import.meta.url): string {
  let folder = dirname(fileURLToPath(moduleUrl));
  for (;;) {
    const candidate = join(folder, 'profiles');
    if (existsSync(join(candidate, 'agents'))) return candidate;
    const parent = dirname(folder);
    if (parent === folder) throw new Error('The built-in profiles are missing from this installation');
    folder = parent;
  }
}
