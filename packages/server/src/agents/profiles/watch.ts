import { existsSync, watch, type FSWatcher } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import type { Clock, Timer } from '../../runtime/clock.ts';
import { DEFINITION_FOLDERS } from './read-directory.ts';

/** What {@link watchDirectories} needs and tells. */
export interface WatchOptions {
  /** Profiles directories; each may appear, vanish and come back at any time. */
  readonly directories: readonly string[];
  readonly clock: Clock;
  /** How long to let changes settle before they are told, in milliseconds. */
  readonly settleMs: number;
  /** Something may have changed. Called once the watch stands again, so that nothing falls between. */
  readonly onChange: () => void;
  /** A path cannot be watched, e.g. because the system's watches are used up. */
  readonly onError: (path: string, error: Error) => void;
}

interface Watched {
  readonly watcher: FSWatcher;
  /** Names whose coming and going matters; JSON files always do. */
  readonly names: Set<string>;
}

/**
 * Tells when a definition file may have changed, until closed. It watches directories, not files, because editors
 * replace files by renaming; where a directory does not exist it watches the nearest one above.
 * Every change takes all watches down and puts them up again: a directory that was replaced may keep its inode.
 */
export function watchDirectories(options: WatchOptions): { close(): void } {
  const targets = options.directories.flatMap((directory) =>
    DEFINITION_FOLDERS.map((folder) => resolve(directory, folder)),
  );
  let watched = new Map<string, Watched>();
  let settling: Timer | undefined;
  let closed = false;

  const changed = (): void => {
    settling ??= options.clock.after(options.settleMs, () => {
      settling = undefined;
      arm();
      options.onChange();
    });
  };

  const open = (path: string): Watched | undefined => {
    const known = watched.get(path);
    if (known) return known;
    const names = new Set([basename(path)]);
    try {
      const watcher = watch(path, { persistent: false }, (_kind, name) => {
        if (name === null || names.has(name) || name.endsWith('.json')) changed();
      });
      watcher.on('error', (error) => {
        options.onError(path, error);
        watcher.close();
      });
      const entry = { watcher, names };
      watched.set(path, entry);
      return entry;
    } catch (cause) {
      if (existsSync(path)) options.onError(path, cause instanceof Error ? cause : new Error(String(cause)));
      return undefined;
    }
  };

  /** Watches the target, or what is above it; answers whether that still fits what is on disk. */
  const follow = (target: string): boolean => {
    let path = target;
    let entry = open(path);
    while (entry === undefined && dirname(path) !== path) {
      const missing = path;
      path = dirname(path);
      entry = open(path);
      entry?.names.add(basename(missing));
      if (entry !== undefined && existsSync(missing)) return false;
    }
    // From above one sees a directory replaced that can no longer tell of itself.
    if (path === target) open(dirname(target))?.names.add(basename(target));
    return true;
  };

  const arm = (): void => {
    disarm();
    if (closed) return;
    for (const target of targets) {
      // A directory may appear while its parent is being watched in its stead; then look once more.
      if (!follow(target)) follow(target);
    }
  };

  const disarm = (): void => {
    for (const { watcher } of watched.values()) watcher.close();
    watched = new Map();
  };

  arm();
  return {
    close() {
      closed = true;
      settling?.cancel();
      disarm();
    },
  };
}
