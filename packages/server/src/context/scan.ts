import { lstatSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { IgnoreRules, SIDECAR_IGNORE } from './ignore-rules.ts';
import { readStatus, type GitStatus } from './git-history.ts';
import { namesSecret } from './redact.ts';
import { stampFile, type ProjectFile } from './project-file.ts';
import type { Repository } from './repository.ts';
import { sayable, TrackedPaths } from './tracked-paths.ts';

/** What lies in the project, sorted by path. Only regular files; links are not followed and not listed. */
export interface Scan {
  readonly files: readonly ProjectFile[];
  readonly directories: readonly string[];
  /** Whether {@link MAX_FILES} cut the list. */
  readonly cut: boolean;
  /** What the `.sidecarignore` files hide, also of what is no more. */
  readonly rules: IgnoreRules;
}

/** Most files a project may have; beyond, the first by path are taken. */
export const MAX_FILES = 250_000;
const FILES_A_TURN = 250;

/** Directories of a tree without git that hold what tools made. */
const MADE = new Set([
  '.git',
  '.hg',
  '.svn',
  '.jj',
  'node_modules',
  '.venv',
  'venv',
  '__pycache__',
  '.tox',
  '.nox',
  '.mypy_cache',
  '.pytest_cache',
  '.ruff_cache',
  '.gradle',
  '.idea',
  '.vs',
  '.terraform',
  '.next',
  '.nuxt',
  '.cache',
  '.parcel-cache',
  '.turbo',
  'target',
  'dist',
  'bower_components',
  '.eggs',
  '.bundle',
]);

/** What is at hand for a scan, or wanted of it. */
export interface ScanKnown {
  /** What git was asked already; left out, it is asked now. */
  readonly status?: Promise<GitStatus | null>;
  readonly tracked?: TrackedPaths;
  /** Told of files as soon as they are stated, before it is known whether a `.sidecarignore` hides them. */
  readonly onStated?: ((files: readonly ProjectFile[]) => void) | undefined;
}

/**
 * Lists the project: what git tracks and what is new and not ignored; without git, a walk that honours `.gitignore`.
 * `.sidecarignore` holds for both.
 */
export async function scanProject(
  root: string,
  repository: Repository | null,
  signal: AbortSignal,
  known: ScanKnown = {},
): Promise<Scan> {
  if (repository?.workTree === null) return { files: [], directories: [], cut: false, rules: new IgnoreRules() };
  const stated = new StatedFiles(root, known.onStated);
  const listed =
    (repository && (await listFiles(root, repository, known, stated, signal))) ?? (await walk(root, signal));
  const rules = new IgnoreRules();
  for (const path of listed) {
    if (path === SIDECAR_IGNORE || path.endsWith(`/${SIDECAR_IGNORE}`)) {
      await rules.add(root, dirname(path) === '.' ? '' : dirname(path), SIDECAR_IGNORE);
    }
  }
  const paths = rules.empty ? listed : listed.filter((path) => !rules.hides(path));
  await stated.state(paths, signal);
  const files = paths.flatMap((path) => stated.get(path) ?? []).slice(0, MAX_FILES);
  return {
    files,
    directories: directoriesOf(files),
    cut: files.length === MAX_FILES,
    rules,
  };
}

/** Files that decide which others are listed, or what counts as changed. */
const RULES = new Set(['.gitignore', '.gitattributes', '.gitmodules', SIDECAR_IGNORE]);

/**
 * A scan with some of its files stated anew. Null when files came or went, or rules changed: then all have to be listed.
 * Paths at which there was nothing and is nothing, as an editor’s passing ones, do not count.
 */
export function scanAgain(root: string, scan: Scan, paths: readonly string[]): Scan | null {
  const stated = new StatedFiles(root, undefined);
  const anew = new Map<string, ProjectFile>();
  const listed = new Set(scan.files.map(({ path }) => path));
  const directories = new Set(scan.directories);
  for (const path of paths) {
    if (RULES.has(path.slice(path.lastIndexOf('/') + 1)) || directories.has(path)) return null;
    const file = stated.get(path);
    if (file !== null && listed.has(path)) anew.set(path, file);
    else if (listed.has(path) || exists(`${root}/${path}`)) return null;
  }
  return { ...scan, files: scan.files.map((file) => anew.get(file.path) ?? file) };
}

function exists(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

/** The files among listed paths that may be told of, each stated once. */
class StatedFiles {
  readonly #root: string;
  readonly #real: RealDirectories;
  readonly #known = new Map<string, ProjectFile | null>();
  readonly #untold: ProjectFile[] = [];
  readonly #onStated: ScanKnown['onStated'];

  constructor(root: string, onStated: ScanKnown['onStated']) {
    this.#root = root;
    this.#onStated = onStated;
    this.#real = new RealDirectories(root);
  }

  /** Null: not a regular file, gone, behind a link, or its name holds a secret. */
  get(path: string): ProjectFile | null {
    let file = this.#known.get(path);
    if (file === undefined) {
      file = this.#real.holds(path) && !namesSecret(path) ? stampFile(this.#root, path) : null;
      this.#known.set(path, file);
      if (file !== null && this.#onStated !== undefined) this.#untold.push(file);
    }
    return file;
  }

  /** States paths, leaving turns of the loop to others. */
  async state(paths: readonly string[], signal: AbortSignal): Promise<void> {
    for (let from = 0, found = 0; from < paths.length && found < MAX_FILES; from += FILES_A_TURN) {
      for (const path of paths.slice(from, from + FILES_A_TURN)) if (this.get(path) !== null) found++;
      this.#onStated?.(this.#untold.splice(0));
      await nextTurn();
      signal.throwIfAborted();
    }
  }
}

/** Tells whether a path leads through directories only: git still lists what lay where a link is now. */
class RealDirectories {
  readonly #root: string;
  readonly #known = new Map<string, boolean>([['', true]]);

  constructor(root: string) {
    this.#root = root;
  }

  holds(path: string): boolean {
    const directory = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    let real = this.#known.get(directory);
    if (real === undefined) {
      real = this.holds(directory) && isDirectory(`${this.#root}/${directory}`);
      this.#known.set(directory, real);
    }
    return real;
  }
}

function isDirectory(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch {
    return false;
  }
}

async function listFiles(
  root: string,
  repository: Repository,
  known: ScanKnown,
  stated: StatedFiles,
  signal: AbortSignal,
): Promise<readonly string[] | null> {
  const { status = readStatus(root, repository, signal), tracked = new TrackedPaths() } = known;
  // Stated while git compares the tree: on a small change that is most of what is waited for.
  const read = tracked.read(root, repository, signal).then(async (paths) => {
    if (paths !== null) await stated.state(paths, signal);
    return paths;
  });
  const [paths, answered] = await Promise.all([read, status]);
  if (paths === null || answered === null) return null;
  const untracked = sayable(answered.untracked);
  // A merge in progress lists a path once for each side.
  const merging = paths.some((path, index) => path === paths[index - 1]);
  return untracked.length === 0 && !merging ? paths : [...new Set([...paths, ...untracked])].toSorted();
}

async function walk(root: string, signal: AbortSignal): Promise<string[]> {
  const rules = new IgnoreRules();
  const found: string[] = [];
  const pending = [''];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    signal.throwIfAborted();
    const entries = await readdir(join(root, directory), { withFileTypes: true }).catch(() => []);
    if (entries.some((entry) => entry.name === '.gitignore')) await rules.add(root, directory, '.gitignore');
    for (const entry of entries) {
      const path = directory === '' ? entry.name : `${directory}/${entry.name}`;
      if (path.includes('\ufffd')) continue;
      if (entry.isDirectory()) {
        if (!MADE.has(entry.name) && !rules.hides(`${path}/`)) pending.push(path);
      } else if (entry.isFile() && !rules.hides(path)) {
        found.push(path);
      }
    }
    if (found.length >= MAX_FILES) break;
  }
  return found.toSorted();
}

function directoriesOf(files: readonly ProjectFile[]): string[] {
  const directories = new Set<string>();
  for (const { path } of files) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const directory = path.slice(0, end);
      if (directories.has(directory)) break;
      directories.add(directory);
    }
  }
  return [...directories].toSorted();
}
