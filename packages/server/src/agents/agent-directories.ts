import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Which directories of ended agents to remove. */
export interface SweepOptions {
  /** Age from which one is removed, in milliseconds since it was last written to. */
  readonly olderThanMs: number;
  readonly nowMs: number;
  /** Whether the agent may still write to its directory. */
  readonly isAlive: (agentId: string) => boolean;
}

/**
 * Removes what ended agents left behind: output, task and launch script. One that cannot be removed keeps none of the
 * others back.
 * @returns how many directories were removed.
 * @throws {AggregateError} with what could not be removed, after all others were.
 */
export async function sweepAgentDirectories(directory: string, options: SweepOptions): Promise<number> {
  let removed = 0;
  const faults: unknown[] = [];
  for (const agentId of await readdir(directory)) {
    const own = join(directory, agentId);
    if (options.isAlive(agentId) || options.nowMs - (await writtenAtMs(own)) < options.olderThanMs) continue;
    try {
      await rm(own, { recursive: true, force: true });
      removed += 1;
    } catch (cause) {
      faults.push(cause);
    }
  }
  if (faults.length > 0)
    throw new AggregateError(faults, `${faults.length} directories of agents could not be removed`);
  return removed;
}

/** When the newest of its attempts was last written to; now for what is gone already. */
async function writtenAtMs(own: string): Promise<number> {
  const attempts = await readdir(own).catch(() => []);
  const times = [own, ...attempts.flatMap((attempt) => [join(own, attempt), join(own, attempt, 'stdout.log')])].map(
    (path) =>
      stat(path).then(
        (it) => it.mtimeMs,
        () => 0,
      ),
  );
  return Math.max(...(await Promise.all(times)));
}
