import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Folder below the sidecar's own control group that the agents' groups lie in. */
const FOLDER = 'orchestration-sidecar';

/** Control groups (cgroup v2) below one that was delegated to us. */
export class Cgroups {
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
  }

  /**
   * Opens the place for agents' groups below the sidecar's own, or `undefined` when the system has no cgroup v2 or
   * the group is not ours to divide. The memory and pids controllers are used when they are handed down.
   */
  static async open(): Promise<Cgroups | undefined> {
    try {
      const own = await ownDirectory();
      if (own === undefined) return undefined;
      const root = join(own, FOLDER);
      await mkdir(root, { recursive: true });
      for (const directory of [own, root]) {
        for (const controller of ['memory', 'pids']) {
          // Refused while a group has processes of its own, or has no such controller to hand down: then without.
          await writeFile(join(directory, 'cgroup.subtree_control'), `+${controller}`).catch(() => {});
        }
      }
      return new Cgroups(root);
    } catch {
      return undefined;
    }
  }

  /**
   * Makes a group with these bounds. Closes with {@link removeCgroup}. Another sidecar of this session that stopped has
   * taken the empty folder along, and a start that was cut off may have left the group: neither must keep this one from it.
   */
  async make(name: string, bounds: { memoryMb: number; processes: number }): Promise<Cgroup> {
    const directory = join(this.#root, name);
    await mkdir(directory, { recursive: true });
    const set = (file: string, value: string): Promise<boolean> =>
      writeFile(join(directory, file), value).then(
        () => true,
        () => false,
      );
    const memory = await set('memory.max', String(bounds.memoryMb * 1024 * 1024));
    if (memory) {
      // One process out of memory ends the agent as a whole: a half-killed agent is worse than a dead one.
      await set('memory.oom.group', '1');
      await set('memory.swap.max', '0');
    }
    const processes = await set('pids.max', String(bounds.processes));
    return { directory, memory, processes };
  }

  /** Removes the group of this name, if there is one and it is empty. */
  async remove(name: string): Promise<void> {
    await removeCgroup(join(this.#root, name));
  }

  /** Removes the folder when no agent's group is left in it. */
  async close(): Promise<void> {
    await rmdir(this.#root).catch(() => {});
  }
}

/** One agent's control group and the bounds that took effect in it. */
export interface Cgroup {
  readonly directory: string;
  readonly memory: boolean;
  readonly processes: boolean;
}

/** Processes in a group; none when it is gone. */
export async function cgroupPids(directory: string): Promise<number[]> {
  const text = await readFile(join(directory, 'cgroup.procs'), 'utf8').catch(() => '');
  return text.split('\n').filter(Boolean).map(Number);
}

/** Kills everything in a group at once; false when the kernel cannot (before 5.14) or the group is gone. */
export async function killCgroup(directory: string): Promise<boolean> {
  return writeFile(join(directory, 'cgroup.kill'), '1').then(
    () => true,
    () => false,
  );
}

/** Whether the kernel killed in this group because its memory bound was reached. */
export async function ranOutOfMemory(directory: string): Promise<boolean> {
  const text = await readFile(join(directory, 'memory.events'), 'utf8').catch(() => '');
  return /^oom_kill [1-9]/m.test(text);
}

/** Removes an empty group; a process that is just ending keeps it for a moment. */
export async function removeCgroup(directory: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const removed = await rmdir(directory).then(
      () => true,
      (cause: NodeJS.ErrnoException) => cause.code === 'ENOENT',
    );
    if (removed) return;
    await delay(25);
  }
}

/** Directory of the group this process is in (cgroups(7): the entry with hierarchy 0 is version 2). */
async function ownDirectory(): Promise<string | undefined> {
  const groups = await readFile('/proc/self/cgroup', 'utf8');
  const path = /^0::(.*)$/m.exec(groups)?.[1];
  const mounts = await readFile('/proc/self/mountinfo', 'utf8');
  for (const line of mounts.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , mountRoot = '/', mountPoint = ''] = before.split(' ');
    if (!after.startsWith('cgroup2 ') || path === undefined) continue;
    if (mountRoot === '/') return join(mountPoint, path);
    if (path === mountRoot || path.startsWith(`${mountRoot}/`)) return join(mountPoint, path.slice(mountRoot.length));
  }
  return undefined;
}
