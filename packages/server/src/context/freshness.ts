import { lstatSync } from 'node:fs';
import { COVERAGE_FILES } from './coverage.ts';
import type { ContextWorker, TreeLook, WorkerCalls } from './context-worker.ts';

/** What is known of a tree’s changes; null: nothing. */
type Edited = WorkerCalls['look']['input']['edited'];

/**
 * Says in which state a tree is: from the watch where it holds, else by looking. A digest that comes from the watch was
 * looked up after the watch had begun, and no change has been seen since, so it is the tree’s own.
 */
export class Freshness {
  readonly #watcher: ContextWorker;
  readonly #look: (root: string, edited: Edited, signal: AbortSignal) => Promise<TreeLook>;
  readonly #known = new Map<string, string>();
  readonly #settling = new Set<string>();
  readonly #stopped = new AbortController();

  constructor(watcher: ContextWorker, look: (root: string, edited: Edited, signal: AbortSignal) => Promise<TreeLook>) {
    this.#watcher = watcher;
    this.#look = look;
  }

  /** Digest of the tree as it is now. */
  async digestOf(root: string, signal: AbortSignal): Promise<string> {
    const known = this.#known.get(root);
    if (known !== undefined) {
      if (await this.#watcher.ask('unchanged', { root }, signal).catch(() => false)) return known + reportStamps(root);
      this.#known.delete(root);
    }
    signal.throwIfAborted();
    const stamps = reportStamps(root);
    // Counted anew before the look, so that what changes during it is seen by the next request.
    const counted = known === undefined ? null : await this.#watcher.ask('again', { root }, signal).catch(() => null);
    const paths = counted?.paths ?? null;
    const edited = known === undefined || paths === null ? null : { since: known, paths };
    const { digest, withoutGit } = await this.#look(root, edited, signal);
    if (counted !== null && !withoutGit) this.#known.set(root, digest);
    return digest + stamps;
  }

  /** Begins to watch a tree, off the way of any request; without success every request looks. */
  settle(root: string): void {
    if (this.#known.has(root) || this.#settling.has(root) || this.#stopped.signal.aborted) return;
    this.#settling.add(root);
    void this.#begin(root)
      .catch(() => undefined)
      .finally(() => this.#settling.delete(root));
  }

  /** Begins no further watches. */
  stop(): void {
    this.#stopped.abort();
  }

  async #begin(root: string): Promise<void> {
    const { signal } = this.#stopped;
    if (!(await this.#watcher.ask('watch', { root }, signal))) return;
    const { digest, withoutGit } = await this.#look(root, null, signal);
    // What git could not tell is asked again with the next request, not with the next change.
    if (!withoutGit) this.#known.set(root, digest);
  }
}

/** Coverage reports are often ignored by git, so neither look nor watch sees them. */
function reportStamps(root: string): string {
  return COVERAGE_FILES.map((path) => {
    try {
      const stats = lstatSync(`${root}/${path}`, { throwIfNoEntry: false });
      return stats === undefined ? '' : `${stats.size}:${stats.mtimeMs}:${stats.ctimeMs}:${stats.ino}`;
    } catch {
      return '';
    }
  }).join(';');
}
