import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** Name of the manifest in a backup: written last, so that a directory without one is no backup. */
export const MANIFEST = 'manifest.json';

/** Name of the key that records of the audit log are verified with, in the keys directory. */
export const AUDIT_KEY = 'audit.key';

/** Whether a file of the keys directory makes the audit log verifiable: its key, or the anchor that holds its last record. */
export function isAuditFile(name: string): boolean {
  return name === AUDIT_KEY || name === 'audit.head';
}

/**
 * Whether a file of the keys directory belongs to the secrets of a backup: signing keys, and {@link isAuditFile what
 * makes the audit log verifiable}.
 * @param name - The file's name, without its directory.
 */
export function isKeyFile(name: string): boolean {
  return name.endsWith('.pem') || isAuditFile(name);
}

/** Forms of backups that this version reads. */
const FORMAT = 1;

/** What a backup holds, and how to tell that it still does. */
export const Manifest = z.object({
  format: z.literal(FORMAT),
  /** Version of the sidecar that made it. */
  version: z.string(),
  created_at: z.string(),
  /** Epoch of the store it was taken of. */
  epoch: z.string(),
  /** Migrations the store has behind it; a version that knows fewer cannot restore it. */
  schema: z.number().int(),
  /** Whether signing keys and the operator token are in it. */
  secrets: z.boolean(),
  counts: z.object({ projects: z.number(), issues: z.number(), results: z.number(), events: z.number() }),
  files: z.array(
    z.object({
      /** Relative to the backup, and to the data directory. */
      path: z.string().regex(/^(?!\/)(?!.*\.\.)[\w./-]+$/),
      bytes: z.number(),
      sha256: z.string(),
    }),
  ),
});
export type Manifest = z.infer<typeof Manifest>;

/** A backup that cannot be used, in words for the operator. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
}

/**
 * Reads the manifest of a backup.
 * @throws {BackupError} when there is none of a form that this version reads.
 */
export async function readManifest(directory: string): Promise<Manifest> {
  let text: string;
  try {
    text = await readFile(join(directory, MANIFEST), 'utf8');
  } catch (cause) {
    throw new BackupError(`${directory} is no backup: it has no ${MANIFEST} that can be read.`, { cause });
  }
  try {
    return Manifest.parse(JSON.parse(text));
  } catch (cause) {
    throw new BackupError(`${join(directory, MANIFEST)} is not a manifest that this version reads.`, { cause });
  }
}
