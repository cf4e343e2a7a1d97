import { rm, rmdir } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import {
  sweepOldest,
  type Aging,
  type Hold,
  type Holds,
  type Sweep,
  type SweepOptions,
  type Tally,
} from '../../storage/clean-up/index.ts';
import { entriesOf } from './disk-cache.ts';

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

  run(options: SweepOptions): Promise<Tally> {
    return sweepOldest(this.#list(), this.#needs.retentionMs, options);
  }

  async *#list(): AsyncGenerator<Aging> {
    // Drafts of a process that was killed belong to nobody, and go by their age too.
    for await (const { name, path, size, usedMs } of entriesOf(this.#needs.directory)) {
      yield { usedMs, bytes: () => size, hold: () => this.#holdOf(name), remove: () => remove(path) };
    }
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
