import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import {
  olderThan,
  sweepOldest,
  type Due,
  type Hold,
  type Holds,
  type Sweep,
  type SweepOptions,
  type Tally,
} from '../../storage/clean-up/index.ts';

/** What the sweep needs. */
export interface CacheSweepNeeds {
  /** Directory of the cache’s lasting part: `<project>/<issue>/<key>.json`. */
  readonly directory: string;
  readonly holds: Holds;
  readonly retentionMs: number;
}

/** Removes contexts that nobody has asked for long enough. All of them can be gathered again. */
export class CacheSweep implements Sweep {
  readonly kind = 'context_cache';
  readonly #needs: CacheSweepNeeds;

  constructor(needs: CacheSweepNeeds) {
    this.#needs = needs;
  }

  async run(options: SweepOptions): Promise<Tally> {
    const { directory, retentionMs } = this.#needs;
    const { beforeMs, enoughBytes } = olderThan(retentionMs, options);
    const due: Due[] = [];
    // Drafts of a process that was killed belong to nobody, and go by their age too.
    for (const name of await readdir(directory, { recursive: true }).catch(() => [])) {
      options.signal.throwIfAborted();
      const path = join(directory, name);
      const found = await stat(path).catch(() => null);
      if (!found?.isFile() || found.mtimeMs >= beforeMs) continue;
      due.push({
        usedMs: found.mtimeMs,
        bytes: () => found.size,
        hold: () => this.#holdOf(name),
        remove: () => remove(path),
      });
    }
    return sweepOldest(due, { ...options, enoughBytes });
  }

  #holdOf(name: string): Hold | null {
    const [projectId, issueId, file] = name.split(sep);
    if (projectId === undefined || issueId === undefined || file === undefined) return null;
    return this.#needs.holds.of({ projectId, issueId });
  }
}

/** Removes an entry, and its directory with the last one. */
async function remove(path: string): Promise<void> {
  await rm(path, { force: true });
  await rmdir(dirname(path)).catch(() => undefined);
}
