import { lstatSync, watch, type FSWatcher } from 'node:fs';
import { readdir, realpath, statfs } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TreeEdits } from './context-worker.ts';
import { findRepository, readRepository, sharedDirectory } from './repository.ts';

/** More directories than this are not watched: the system’s watches are for everybody. */
const MAX_DIRECTORIES = 20_000;
/** File systems of this machine, by their magic numbers: only these tell of every change. */
const LOCAL = new Set([
  0xef53, 0x9123683e, 0x58465342, 0x01021994, 0x794c7630, 0x2fc12fc1, 0xf2f52010, 0xca451a4e, 0x858458f6,
]);

/** One tree that is watched. */
interface Watched {
  readonly watchers: FSWatcher[];
  /** Paths, relative to the project, at which something has changed; null: somewhere. */
  changed: Set<string> | null;
  /** Something came that has no watch yet, or other rules: the watch has to be set up anew. */
  outgrown: boolean;
}

const RULES = new Set(['.gitignore', '.gitmodules', 'exclude', 'config', '.git']);

/** After changes at more paths than this, looking at the whole tree is no dearer. */
const MAX_EDITS = 100;

/** Tells whether trees have changed since they were last counted. Lives in a thread that does nothing else. */
export class TreeWatch {
  readonly #trees = new Map<string, Watched>();

  /** Watches a project from now on; false when that cannot be done faithfully. */
  async start(root: string, signal: AbortSignal): Promise<boolean> {
    if ((await this.again(root)) !== null) return true;
    this.stop(root);
    if (process.platform !== 'linux') return false;
    const tree: Watched = { watchers: [], changed: new Set(), outgrown: false };
    this.#trees.set(root, tree);
    try {
      const place = await realpath(root);
      if (!LOCAL.has((await statfs(place)).type)) throw new Error('not a local file system');
      for (const directory of await directoriesToWatch(place, signal)) {
        if (tree.watchers.length >= MAX_DIRECTORIES) throw new Error('too many directories');
        tree.watchers.push(this.#watch(tree, directory, insideOf(place, directory)));
        if (tree.watchers.length % 200 === 0) await nextTurn();
      }
    } catch {
      tree.outgrown = true;
    }
    if (!tree.outgrown && this.#trees.get(root) === tree) return true;
    for (const watcher of tree.watchers) watcher.close();
    if (this.#trees.get(root) === tree) this.#trees.delete(root);
    return false;
  }

  /** Answers what has changed, and counts anew from now on; null when the watch does not cover the tree any more. */
  async again(root: string): Promise<TreeEdits | null> {
    const tree = this.#trees.get(root);
    if (tree === undefined) return null;
    await allRead();
    const { changed } = tree;
    tree.changed = new Set();
    return tree.outgrown ? null : { paths: changed && [...changed] };
  }

  /** Whether a project is as it was when it was last counted. */
  async unchanged(root: string): Promise<boolean> {
    await allRead();
    const tree = this.#trees.get(root);
    return tree?.changed?.size === 0 && !tree.outgrown;
  }

  /** Stops watching a project. */
  stop(root: string): void {
    const tree = this.#trees.get(root);
    this.#trees.delete(root);
    for (const watcher of tree?.watchers ?? []) watcher.close();
  }

  /** @param inside the directory’s path in the project; null: outside of it, or the repository’s own. */
  #watch(tree: Watched, directory: string, inside: string | null): FSWatcher {
    const watcher = watch(directory, { persistent: false }, (event, name) => {
      if (name === null || inside === null || tree.changed === null || tree.changed.size >= MAX_EDITS) {
        tree.changed = null;
      } else tree.changed.add(`${inside}${name}`);
      if (name === null || RULES.has(name) || (event === 'rename' && isDirectory(join(directory, name))))
        tree.outgrown = true;
    });
    return watcher.on('error', () => {
      tree.outgrown = true;
    });
  }
}

/** The system queues a change before the writer’s call returns; after a whole turn of the loop it has been read. */
async function allRead(): Promise<void> {
  await nextTurn();
  await nextTurn();
}

/** Path of a directory in the project, with a slash at its end; null for what no file of the project lies in. */
function insideOf(root: string, directory: string): string | null {
  const path = relative(root, directory).split(sep);
  if (path[0] === '..' || path.includes('.git')) return null;
  return path[0] === '' ? '' : `${path.join('/')}/`;
}

function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Every directory in which something may appear or change that the answer depends on, the repository’s own included. */
async function directoriesToWatch(root: string, signal: AbortSignal): Promise<string[]> {
  const repository = await findRepository(root, signal);
  const skipped = new Set<string>();
  const found: string[] = [];
  if (repository?.workTree != null) {
    const args = ['ls-files', '-z', '--others', '--ignored', '--exclude-standard', '--directory'];
    const { output } = await readRepository(repository, root, args, signal);
    const full = output
      .toString('utf8')
      .split('\0')
      .filter((path) => path.endsWith('/'));
    // Also listed are directories in which each file is ignored for itself; there a new one may not be.
    for (let from = 0; from < full.length; from += 500) {
      const asked = ['check-ignore', '-z', '--', ...full.slice(from, from + 500)];
      const ignored = await readRepository(repository, root, asked, signal);
      for (const path of ignored.output.toString('utf8').split('\0')) skipped.add(path.replace(/\/$/, ''));
    }
    skipped.delete('');
    // Rules and configuration above a project that is a part of a repository.
    for (let above = root; above !== repository.workTree;) {
      above = dirname(above);
      found.push(above);
    }
  }
  if (repository !== null) {
    // A linked work tree has an index and a HEAD of its own; the rest is where the repository is that it shares.
    for (const place of new Set([repository.gitDir, await sharedDirectory(repository)])) {
      const own = new Set((await readdir(place)).filter((name) => isDirectory(join(place, name))));
      found.push(place);
      for (const name of ['info', 'reftable']) if (own.has(name)) found.push(join(place, name));
      if (own.has('refs')) await walk(join(place, 'refs'), '', new Set(), found);
    }
  }
  if (repository?.workTree !== null) await walk(root, '', skipped, found);
  return found;
}

async function walk(root: string, path: string, skipped: ReadonlySet<string>, found: string[]): Promise<void> {
  const pending = [path];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    found.push(join(root, directory));
    if (found.length > MAX_DIRECTORIES) return;
    for (const entry of await readdir(join(root, directory), { withFileTypes: true }).catch(() => [])) {
      const inner = directory === '' ? entry.name : `${directory}/${entry.name}`;
      if (entry.isDirectory() && entry.name !== '.git' && !skipped.has(inner)) pending.push(inner);
    }
  }
}
