import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A disk of its own, in memory. */
export interface SmallDisk extends Disposable {
  readonly directory: string;
  /** Makes it as large as said, such as `64m`. */
  resize(size: string): void;
  /** Uses up all the room there is; answers how to give it back. */
  fill(): () => void;
}

/** Mounts one; undefined where that is not allowed: it takes the rights of root, which a container may not give. */
export function mountSmallDisk(size: string): SmallDisk | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'sidecar-small-disk-'));
  if (!mount('-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory)) {
    rmSync(directory, { recursive: true });
    return undefined;
  }
  const filler = join(directory, 'filler');
  return {
    directory,
    resize(larger) {
      if (!mount('-o', `remount,size=${larger}`, directory)) throw new Error('the disk cannot be made larger');
    },
    fill() {
      for (const bytes of [4 * 1024 * 1024, 64 * 1024, 4096]) while (appended(filler, bytes));
      return () => rmSync(filler, { force: true });
    },
    [Symbol.dispose]() {
      spawnSync('umount', [directory]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function appended(path: string, bytes: number): boolean {
  try {
    appendFileSync(path, Buffer.alloc(bytes));
    return true;
  } catch {
    return false;
  }
}

function mount(...args: string[]): boolean {
  return spawnSync('mount', args, { stdio: 'ignore' }).status === 0;
}
