import { rmSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sweepOldest, type Aging, type Sweep, type SweepOptions, type Tally } from '../../storage/clean-up/index.ts';

/** What the sweep needs. */
export interface LogSweepNeeds {
  readonly directory: string;
  readonly retentionMs: number;
}

/** Files put aside: `sidecar.log.1`, `agents.log.3`. */
const ASIDE = /\.log\.\d+$/;

/** Removes log files that were put aside too long ago. Those that are written to stay. */
export class LogSweep implements Sweep {
  readonly kind = 'logs';
  readonly #needs: LogSweepNeeds;

  constructor(needs: LogSweepNeeds) {
    this.#needs = needs;
  }

  run(options: SweepOptions): Promise<Tally> {
    return sweepOldest(this.#list(), this.#needs.retentionMs, options);
  }

  async *#list(): AsyncGenerator<Aging> {
    const { directory } = this.#needs;
    for (const name of (await readdir(directory)).filter((it) => ASIDE.test(it))) {
      const path = join(directory, name);
      const found = statSync(path, { throwIfNoEntry: false });
      if (!found) continue;
      yield {
        usedMs: found.mtimeMs,
        bytes: () => found.size,
        hold: () => null,
        // A rotation meanwhile has put a newer file under this name.
        remove: () => {
          if (statSync(path, { throwIfNoEntry: false })?.mtimeMs === found.mtimeMs) rmSync(path, { force: true });
        },
      };
    }
  }
}
