import { lstatSync } from 'node:fs';

/** A file of the project, as the file system states it. */
export interface ProjectFile {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  /** Changes with every change of content or place that the file system can see. */
  readonly stamp: string;
}

/** States a regular file; null when it is none, or gone. */
export function stampFile(root: string, path: string): ProjectFile | null {
  try {
    const stats = lstatSync(`${root}/${path}`, { throwIfNoEntry: false });
    if (stats === undefined || !stats.isFile()) return null;
    const { size, mtimeMs, ctimeMs, ino } = stats;
    return { path, size, mtimeMs, stamp: `${size}:${mtimeMs}:${ctimeMs}:${ino}` };
  } catch {
    return null;
  }
}
