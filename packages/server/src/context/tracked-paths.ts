import { parseGitIndex, type GitIndex } from './git-index.ts';
import { stampFile, type ProjectFile } from './project-file.ts';
import { isInnerPath, readInside } from './read-inside.ts';
import { readRepository, type Repository } from './repository.ts';

const LIST_BYTES = 256 * 1024 * 1024;

/** What git tracks, kept as long as its index is the same file: git writes every other one anew. */
export class TrackedPaths {
  #index = '';
  #paths: readonly string[] = [];
  #parsed: GitIndex | null = null;
  #sizes: ReadonlyMap<string, number> | null = null;

  /** Null when git cannot tell. */
  async read(root: string, repository: Repository, signal: AbortSignal): Promise<readonly string[] | null> {
    const index = stampFile(repository.gitDir, 'index')?.stamp ?? '';
    if (index !== '' && index === this.#index) return this.#paths;
    const parsed = readIndex(repository);
    const paths = parsed?.paths ?? (await askGit(root, repository, signal));
    if (paths === null) return null;
    this.#paths = sayable(paths).toSorted();
    this.#parsed = parsed;
    this.#sizes = null;
    // Stated before it was read, so that one that is written meanwhile is read by the next.
    this.#index = index;
    return this.#paths;
  }

  /**
   * What git calls changed once these files have been edited, where nothing else has; null when only git can tell. A file
   * whose size is not the one that git knows is modified, and one that git does not track stays so.
   */
  changesAfter(
    gitDir: string,
    changes: readonly string[],
    edited: readonly Pick<ProjectFile, 'path' | 'size'>[],
  ): string[] | null {
    if (this.#parsed === null || stampFile(gitDir, 'index')?.stamp !== this.#index) return null;
    this.#sizes ??= sizesOf(this.#parsed);
    const known = new Set(changes);
    const added: string[] = [];
    for (const { path, size } of edited) {
      const staged = this.#sizes.get(path);
      if (staged === undefined ? !known.has(path) : staged === 0 || staged === size % 2 ** 32) return null;
      if (!known.has(path)) added.push(path);
    }
    return [...changes, ...added].toSorted();
  }
}

/** Paths that can be told of: one that is not UTF-8 cannot be named in JSON, and a nested repository ends with a slash. */
export function sayable(paths: readonly string[]): string[] {
  return paths.filter((path) => !path.endsWith('/') && !path.includes('\ufffd') && isInnerPath(path));
}

function sizesOf({ paths, sizes }: GitIndex): ReadonlyMap<string, number> {
  return new Map(paths.map((path, place) => [path, sizes[place] ?? 0]));
}

function readIndex({ gitDir, prefix }: Repository): GitIndex | null {
  const file = readInside(gitDir, 'index', LIST_BYTES);
  if (file === null || file.size > file.bytes.length) return null;
  const index = parseGitIndex(file.bytes);
  if (index === null || prefix === '') return index;
  const inside = `${prefix}/`;
  const places = [...index.paths.keys()].filter((place) => index.paths[place]?.startsWith(inside));
  return {
    paths: places.map((place) => (index.paths[place] ?? '').slice(inside.length)),
    sizes: places.map((place) => index.sizes[place] ?? 0),
  };
}

async function askGit(root: string, repository: Repository, signal: AbortSignal): Promise<string[] | null> {
  const args = ['ls-files', '-z', '--cached'];
  const { exitCode, output } = await readRepository(repository, root, args, signal, { maxOutputBytes: LIST_BYTES });
  return exitCode === 0 ? output.toString('utf8').split('\0') : null;
}
