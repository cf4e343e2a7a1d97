import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  sweepOldest,
  type Aging,
  type Hold,
  type Sweep,
  type SweepOptions,
  type Tally,
} from '../storage/clean-up/index.ts';

/** What the sweep needs. */
export interface AgentFolderSweepNeeds {
  /** Directory of the agents’ own folders. */
  readonly directory: string;
  /** Why the folder of an agent must be kept; null: it may go. */
  readonly holdOf: (agentId: string) => Hold | null;
  readonly retentionMs: number;
  /** Removes a folder. Default: the file system does. */
  readonly remove?: (folder: string) => Promise<void>;
}

/** Removes what ended agents left behind: output, task and launch script. */
export class AgentFolderSweep implements Sweep {
  readonly kind = 'agent_folders';
  readonly #needs: AgentFolderSweepNeeds;

  constructor(needs: AgentFolderSweepNeeds) {
    this.#needs = needs;
  }

  run(options: SweepOptions): Promise<Tally> {
    return sweepOldest(this.#list(), this.#needs.retentionMs, options);
  }

  async *#list(): AsyncGenerator<Aging> {
    const { directory, holdOf, remove = removeFolder } = this.#needs;
    for (const agentId of await readdir(directory)) {
      const folder = join(directory, agentId);
      yield {
        usedMs: await writtenAtMs(folder),
        bytes: () => bytesIn(folder),
        hold: () => holdOf(agentId),
        remove: () => remove(folder),
      };
    }
  }
}

function removeFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true });
}

/** When the newest of its attempts was last written to. */
async function writtenAtMs(folder: string): Promise<number> {
  const attempts = await readdir(folder).catch(() => []);
  const paths = attempts.flatMap((attempt) => [join(folder, attempt), join(folder, attempt, 'stdout.log')]);
  const times = [folder, ...paths].map((path) =>
    lstat(path).then(
      (it) => it.mtimeMs,
      () => 0,
    ),
  );
  return Math.max(...(await Promise.all(times)));
}

async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    bytes += await lstat(join(entry.parentPath, entry.name)).then(
      (it) => it.size,
      () => 0,
    );
  }
  return bytes;
}
