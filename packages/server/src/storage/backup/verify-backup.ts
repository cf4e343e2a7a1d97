import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { dataDirAt } from '../data-dir.ts';
import { shippedMigrations } from '../database.ts';
import { checksumOf } from './checksum.ts';
import { integrityFaults } from './integrity.ts';
import { BackupError, readManifest, type Manifest } from './manifest.ts';

/**
 * Checks that a backup is whole: every file there with its size and checksum, the store sound in every page, and of a
 * schema that this version knows.
 * @throws {BackupError} naming the first fault.
 */
export async function verifyBackup(directory: string): Promise<Manifest> {
  const manifest = await readManifest(directory);
  const store = basename(dataDirAt(directory).database);
  if (!manifest.files.some(({ path }) => path === store))
    throw new BackupError(`The backup ${directory} has no store.`);
  for (const { path, bytes, sha256 } of manifest.files) {
    const file = join(directory, path);
    const size = await stat(file).then(
      (it) => it.size,
      () => undefined,
    );
    if (size === undefined) throw new BackupError(`${file} is missing.`);
    if (size !== bytes || (await checksumOf(file)) !== sha256) {
      throw new BackupError(`${file} is not what it was when the backup was made.`);
    }
  }
  const [fault] = integrityFaults(join(directory, store));
  if (fault !== undefined) throw new BackupError(`${join(directory, store)} is damaged: ${fault}`);
  if (manifest.schema > shippedMigrations()) {
    throw new BackupError(`The backup is of a newer version (${manifest.version}). Restore it with that version.`);
  }
  return manifest;
}
