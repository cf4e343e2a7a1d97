import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes of all files under a directory. What is removed meanwhile is not counted; links are not followed. */
export async function directorySize(directory: string, signal: AbortSignal): Promise<number> {
  let bytes = 0;
  const entries = await opendir(directory).catch(() => []);
  for await (const entry of entries) {
    signal.throwIfAborted();
    const path = join(directory, entry.name);
    if (entry.isDirectory()) bytes += await directorySize(path, signal);
    else {
      bytes += await lstat(path).then(
        (it) => it.size,
        () => 0,
      );
    }
  }
  return bytes;
}
