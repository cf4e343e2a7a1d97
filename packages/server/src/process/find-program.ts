import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';

/** Where a program is, or why it cannot be started. */
export type ProgramSearch =
  | { readonly kind: 'found'; readonly path: string }
  | { readonly kind: 'not_executable'; readonly path: string }
  | { readonly kind: 'missing'; readonly searched: readonly string[] };

/**
 * Looks for a program as a shell would: a name with a slash is a path (relative to `cwd`), any other is searched in
 * `path`. Relative and empty entries of `path` are skipped: they would let the project decide what is run.
 */
export async function findProgram(name: string, path: string, cwd = '/'): Promise<ProgramSearch> {
  const candidates = name.includes('/')
    ? [resolve(cwd, name)]
    : path
        .split(':')
        .filter((entry) => isAbsolute(entry))
        .map((entry) => join(entry, name));
  let denied: string | undefined;
  for (const candidate of candidates) {
    const verdict = await examine(candidate);
    if (verdict === 'executable') return { kind: 'found', path: candidate };
    if (verdict === 'denied') denied ??= candidate;
  }
  if (denied !== undefined) return { kind: 'not_executable', path: denied };
  return { kind: 'missing', searched: candidates };
}

async function examine(path: string): Promise<'executable' | 'denied' | 'absent'> {
  try {
    if (!(await stat(path)).isFile()) return 'absent';
  } catch {
    return 'absent';
  }
  return access(path, constants.X_OK).then(
    () => 'executable',
    () => 'denied',
  );
}
