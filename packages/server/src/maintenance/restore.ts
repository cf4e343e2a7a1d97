import { basename, join } from 'node:path';
import { noteRestoration } from '../broker/index.ts';
import { restoreBackup, type Restored, type RestoreRequest } from '../storage/backup/index.ts';

/** Hash of no record, where an audit log begins. */
const NONE = { sequence: 0, hash: '0'.repeat(64) };

/**
 * Puts a verified backup in the place of a data directory’s store, see {@link restoreBackup}, and tells the audit log, so
 * that records which the backup does not have are not taken for removed.
 * @throws {DirectoryBusyError} when a sidecar runs on the directory; {BackupError} when the backup is not whole.
 */
export function restore(request: Omit<RestoreRequest, 'conclude'>): Promise<Restored> {
  return restoreBackup({
    ...request,
    conclude(places, { manifest, replaced, auditHead }) {
      const before =
        replaced === null
          ? 'there was no store before'
          : `the store before is in ${join('backups', basename(replaced))}`;
      const detail = `backup of ${manifest.created_at}; ${before}`;
      noteRestoration(places, { head: auditHead ?? NONE, detail }, request.nowMs);
    },
  });
}
