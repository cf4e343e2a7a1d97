import { link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Folder } from './platform.ts';

/** Opens a folder of private files. */
export function openFolder(path: string): Folder {
  const at = (name: string): string => join(path, name);
  return {
    async list() {
      const names = await readdir(path).catch(() => []);
      const sizes = await Promise.all(
        names.map((name) =>
          stat(at(name)).then(
            ({ size }) => size,
            () => 0,
          ),
        ),
      );
      return names.map((name, index) => ({ name, bytes: sizes[index] ?? 0 }));
    },
    read: (name) => readFile(at(name), 'utf8').catch(() => undefined),
    async add(name, text) {
      await mkdir(path, { recursive: true, mode: 0o700 });
      const temporary = at(`${crypto.randomUUID()}.part`);
      try {
        const file = await open(temporary, 'wx', 0o600);
        try {
          await file.writeFile(text);
          await file.sync();
        } finally {
          await file.close();
        }
        // A link, unlike renaming, does not replace what another process put there.
        await link(temporary, at(name));
        return true;
      } catch (cause) {
        if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return false;
        throw cause;
      } finally {
        await rm(temporary, { force: true });
      }
    },
    rename: (name, to) => rename(at(name), at(to)).catch(() => undefined),
    remove: (name) => rm(at(name), { force: true }),
  };
}
