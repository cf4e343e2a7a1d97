import { parseGitIndex } from './git-index.ts';
import { stampFile } from './project-file.ts';
import { isInnerPath, readInside } from './read-inside.ts';
import { readRepository, type Repository } from './repository.ts';

const LIST_BYTES = 256 * 1024 * 1024;

/** What git tracks, kept as long as its index is the same file: git writes every other one anew. */
export class TrackedPaths {
  #index = '';
  #paths: readonly string[] = [];

  /** Null when git cannot tell. */
  async read(root: string, repository: Repository, signal: AbortSignal): Promise<readonly string[] | null> {
    const index = stampFile(repository.gitDir, 'index')?.stamp ?? '';
    if (index !== '' && index === this.#index) return this.#paths;
    const paths = readIndex(repository) ?? (await askGit(root, repository, signal));
    if (paths === null) return null;
    this.#paths = sayable(paths).toSorted();
    // Stated before it was read, so that one that is written meanwhile is read by the next.
    this.#index = index;
    return this.#paths;
  }
}

/** Paths that can be told of: one that is not UTF-8 cannot be named in JSON, and a nested repository ends with a slash. */
export function sayable(paths: readonly string[]): string[] {
  return paths.filter((path) => !path.endsWith('/') && !path.includes('\ufffd') && isInnerPath(path));
}

function readIndex({ gitDir, prefix }: Repository): string[] | null {
  const file = readInside(gitDir, 'index', LIST_BYTES);
  if (file === null || file.size > file.bytes.length) return null;
  const paths = parseGitIndex(file.bytes);
  if (paths === null || prefix === '') return paths;
  const inside = `${prefix}/`;
  return paths.filter((path) => path.startsWith(inside)).map((path) => path.slice(inside.length));
}

async function askGit(root: string, repository: Repository, signal: AbortSignal): Promise<string[] | null> {
  const args = ['ls-files', '-z', '--cached'];
  const { exitCode, output } = await readRepository(repository, root, args, signal, { maxOutputBytes: LIST_BYTES });
  return exitCode === 0 ? output.toString('utf8').split('\0') : null;
}
