import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PARTIAL, type Backup } from './create-backup.ts';
import { MANIFEST, readManifest } from './manifest.ts';

/** A backup under way is never this old; what is left of one that was killed goes then. */
const PARTIAL_AGE_MS = 24 * 60 * 60 * 1000;

/** Backups in a directory, newest first. What is no backup is passed over. */
export async function listBackups(directory: string): Promise<Backup[]> {
  const names = await readdir(directory).catch(() => []);
  const found = await Promise.all(
    names
      .filter((name) => !name.endsWith(PARTIAL))
      .map(async (name) => {
        const path = join(directory, name);
        const isBackup = await stat(join(path, MANIFEST)).catch(() => undefined);
        return (
          isBackup &&
          (await readManifest(path)
            .then((manifest) => ({ ...manifest, path }))
            .catch(() => undefined))
        );
      }),
  );
  return found.filter((it) => it !== undefined).toSorted((a, b) => (a.created_at < b.created_at ? 1 : -1));
}

/** Bytes of a backup. */
export function bytesOf(backup: Pick<Backup, 'files'>): number {
  return backup.files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Removes all but the newest `keep` backups, and what was left of backups that never were finished. */
export async function removeOldBackups(directory: string, keep: number, nowMs: number): Promise<Backup[]> {
  const surplus = (await listBackups(directory)).slice(keep);
  for (const { path } of surplus) await rm(path, { recursive: true, force: true });
  for (const name of await readdir(directory).catch(() => [])) {
    if (!name.endsWith(PARTIAL)) continue;
    const path = join(directory, name);
    const age = await stat(path).then(
      (it) => nowMs - it.mtimeMs,
      () => 0,
    );
    if (age > PARTIAL_AGE_MS) await rm(path, { recursive: true, force: true });
  }
  return surplus;
}
