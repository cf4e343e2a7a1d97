import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Replaces a file as a whole: temporary file beside it, fsync, rename (DECISIONS 1). A reader sees the old text or
 * the new one, never a part.
 * @param text in one piece, or piece by piece where it may be large.
 * @param mode permission bits of the new file. Default 0600.
 */
export async function writeFileAtomic(path: string, text: string | AsyncIterable<string>, mode = 0o600): Promise<void> {
  const temporary = `${path}.${process.pid}.${Math.trunc(performance.now() * 1000)}${TEMPORARY}`;
  try {
    const file = await create(temporary, mode).catch((cause: unknown) => {
      // Somebody removed the directory, empty as it still was.
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return create(temporary, mode);
      throw cause;
    });
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw cause;
  }
}

async function create(path: string, mode: number): Promise<FileHandle> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  return open(path, 'wx', mode);
}

/** How the name of a file that is not finished ends: one that is left behind belongs to nobody. */
export const TEMPORARY = '.tmp';
