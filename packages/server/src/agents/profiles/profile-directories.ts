import { join } from 'node:path';
import type { Config } from '../../runtime/config.ts';
import { builtInProfiles } from './built-in-directory.ts';

/** Where profiles are read from. What comes later overrides: the project’s own, then those that the configuration names. */
export function profileDirectories({ project, profilesDir }: Pick<Config, 'project' | 'profilesDir'>): string[] {
  const own = project === null ? null : join(project, '.sidecar', 'profiles');
  return [builtInProfiles(), own, profilesDir].filter((directory) => directory !== null);
}
