import type { ProcessListing } from './process-table.ts';
import { ProcessTree } from './process-tree.ts';
import { signalProcess } from './signal.ts';

/** Looks at what is left; what was just being forked is found by the next one. */
const ROUNDS = 20;

/**
 * Ends everything that carries a marker, and all that descends from it.
 * @returns how many processes there were.
 */
export async function sweep(list: () => Promise<ProcessListing>, marker: string): Promise<number> {
  const tree = new ProcessTree(list, { pid: -1, startTime: '' }, marker);
  const ended = new Set<number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const members = await tree.members(true);
    if (members.length === 0) break;
    for (const row of members) {
      ended.add(row.pid);
      await signalProcess(row, 'SIGKILL');
    }
  }
  return ended.size;
}
