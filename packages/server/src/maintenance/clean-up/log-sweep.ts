import { rmSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  olderThan,
  sweepOldest,
  type Due,
  type Sweep,
  type SweepOptions,
  type Tally,
} from '../../storage/clean-up/index.ts';

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

  async run(options: SweepOptions): Promise<Tally> {
    const { directory, retentionMs } = this.#needs;
    const { beforeMs, enoughBytes } = olderThan(retentionMs, options);
    const due: Due[] = [];
    for (const name of (await readdir(directory)).filter((it) => ASIDE.test(it))) {
      const path = join(directory, name);
      const found = statSync(path, { throwIfNoEntry: false });
      if (!found || found.mtimeMs >= beforeMs) continue;
      due.push({
        usedMs: found.mtimeMs,
        bytes: () => found.size,
        hold: () => null,
        // A rotation meanwhile has put a newer file under this name.
        remove: () => {
          if (statSync(path, { throwIfNoEntry: false })?.mtimeMs === found.mtimeMs) rmSync(path, { force: true });
        },
      });
    }
    return sweepOldest(due, { ...options, enoughBytes });
  }
}
