import type { Dirent } from 'node:fs';
import { lstat, readdir, readFile, realpath } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { filterDrivers, runGit, type GitAnswer, type GitCall } from '../process/git.ts';

/** A git working tree that holds a project. */
export interface Repository {
  /** The repository’s directory; for a linked work tree, the work tree’s own part of it. */
  readonly gitDir: string;
  /** Top of the working tree; null: a bare repository. */
  readonly workTree: string | null;
  /** Path from the working tree’s top to the project, with `/`; empty when they are the same. */
  readonly prefix: string;
  readonly disarm: readonly (readonly [string, string])[];
}

/**
 * Finds the repository of a project: `.git` at the root or above it, or a bare repository that is the root itself.
 * A `.git` that is a link to a repository elsewhere counts only when that repository points back to this tree, so
 * that a planted file cannot show another project’s history.
 */
export async function findRepository(root: string, signal: AbortSignal): Promise<Repository | null> {
  const place = await locateRepository(root);
  return place && disarmed(place, signal);
}

/** Where a repository is, before git was asked anything. */
export type RepositoryPlace = Omit<Repository, 'disarm'>;

/** As {@link findRepository}, without starting git. */
export async function locateRepository(root: string): Promise<RepositoryPlace | null> {
  for (let place = root; ; place = dirname(place)) {
    const gitDir = await gitDirOf(place);
    if (gitDir !== null) {
      return { gitDir, workTree: place, prefix: relative(place, root).replaceAll('\\', '/') };
    }
    if (place === root && (await isGitDir(place)) && (await isSelfContained(place))) {
      return { gitDir: place, workTree: null, prefix: '' };
    }
    if (dirname(place) === place) return null;
  }
}

/** Asks git what has to be disarmed of a repository. */
export async function disarmed(place: RepositoryPlace, signal: AbortSignal): Promise<Repository> {
  const { gitDir, workTree } = place;
  const asks = workTree !== null && (await mayFilter(gitDir));
  return { ...place, disarm: asks ? await filterDrivers({ cwd: workTree, gitDir, workTree, signal }) : [] };
}

/**
 * Whether the directories `refs` of a repository hold its references, so that whoever watches it sees each move: not those
 * of a linked work tree, nor a table of references.
 */
export async function keepsReferences({ gitDir, workTree }: RepositoryPlace): Promise<boolean> {
  const elsewhere = await Promise.all(['commondir', 'reftable'].map((name) => exists(join(gitDir, name))));
  return workTree !== null && !elsewhere.includes(true);
}

/** Where a repository keeps what all of its working trees share: references, rules, configuration. */
export async function sharedDirectory({ gitDir }: Pick<RepositoryPlace, 'gitDir'>): Promise<string> {
  const shared = await readFile(join(gitDir, 'commondir'), 'utf8').catch(() => '.');
  return resolve(gitDir, shared.trim());
}

/** Longest that git may take for one answer: shorter than a context’s deadline, which would hide that git hangs. */
const GIT_TIMEOUT_MS = 15_000;

/** Whether a repository’s own configuration may name filter drivers: they are rare, and asking git costs a process. */
async function mayFilter(gitDir: string): Promise<boolean> {
  const files = [join(await sharedDirectory({ gitDir }), 'config'), join(gitDir, 'config.worktree')];
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
  return texts.some((text) => /filter|include/i.test(text));
}

/** Runs git in a repository, disarmed. */
export function readRepository(
  repository: Repository,
  root: string,
  args: readonly string[],
  signal: AbortSignal,
  bounds: Pick<GitCall, 'maxOutputBytes' | 'timeoutMs'> = {},
): Promise<GitAnswer> {
  return runGit({
    args,
    cwd: root,
    gitDir: repository.gitDir,
    workTree: repository.workTree ?? undefined,
    config: repository.disarm,
    signal,
    timeoutMs: GIT_TIMEOUT_MS,
    ...bounds,
  });
}

async function gitDirOf(place: string): Promise<string | null> {
  const entry = join(place, '.git');
  const stats = await lstat(entry).catch(() => null);
  if (stats?.isDirectory()) return (await isGitDir(entry)) && (await isSelfContained(entry)) ? entry : null;
  if (!stats?.isFile() || stats.size > 8192) return null;
  const target = /^gitdir: (.+?)\s*$/.exec(await readFile(entry, 'utf8').catch(() => ''))?.[1];
  if (target === undefined) return null;
  const gitDir = await realpath(resolve(place, target)).catch(() => null);
  return gitDir !== null && (await pointsBack(gitDir, place)) ? gitDir : null;
}

async function isGitDir(place: string): Promise<boolean> {
  const [head, objects, refs] = await Promise.all(
    ['HEAD', 'objects', 'refs'].map((name) => lstat(join(place, name)).catch(() => null)),
  );
  return Boolean(head && objects?.isDirectory() && refs?.isDirectory());
}

/**
 * Whether a repository shows only its own history. One that was unpacked or planted may send git elsewhere: by
 * `commondir`, which only a linked work tree has, or by links in place of its objects. Objects that it borrows by
 * `alternates`, as `git clone --shared` makes them, are believed where its references are its own: whoever names a
 * commit there knew it.
 */
async function isSelfContained(gitDir: string): Promise<boolean> {
  const objects = join(gitDir, 'objects');
  if ((await exists(join(gitDir, 'commondir'))) || (await isLink(join(gitDir, 'index')))) return false;
  const parts = [objects, join(objects, 'pack'), join(objects, 'info')];
  const entries = (await Promise.all(parts.map(async (place) => readdirOf(place)))).flat();
  if (entries.some((entry) => entry.isSymbolicLink())) return false;
  if (!entries.some(({ name }) => name === 'alternates')) return true;
  const named = ['HEAD', 'packed-refs', 'reftable'].map((name) => isLink(join(gitDir, name)));
  const references = await readdirOf(join(gitDir, 'refs'), true);
  return !references.some((entry) => entry.isSymbolicLink()) && !(await Promise.all(named)).includes(true);
}

function readdirOf(place: string, recursive = false): Promise<Dirent[]> {
  return readdir(place, { withFileTypes: true, recursive }).catch(() => []);
}

async function isLink(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null))?.isSymbolicLink() ?? false;
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null)) !== null;
}

/** A linked work tree’s repository keeps the place of its `.git` file; a submodule’s keeps its working tree. */
async function pointsBack(gitDir: string, place: string): Promise<boolean> {
  const here = await realpath(place).catch(() => place);
  const linked = await readFile(join(gitDir, 'gitdir'), 'utf8').catch(() => null);
  const shared = await readFile(join(gitDir, 'commondir'), 'utf8').catch(() => null);
  // A work tree’s part lies inside the repository it shares; anybody can write a file that names one elsewhere.
  if (
    shared !== null &&
    dirname(gitDir) !== join(await realpath(resolve(gitDir, shared.trim())).catch(() => ''), 'worktrees')
  )
    return false;
  if (shared === null && !(await isSelfContained(gitDir))) return false;
  if (linked !== null) return dirname(resolve(gitDir, linked.trim())) === here || dirname(linked.trim()) === place;
  const config = await readFile(join(gitDir, 'config'), 'utf8').catch(() => '');
  const workTree = /^\s*worktree\s*=\s*(.+?)\s*$/m.exec(config)?.[1];
  return workTree !== undefined && resolve(gitDir, workTree) === here;
}
