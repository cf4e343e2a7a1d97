/** What the `sidecar` command does to a data directory by itself, without asking a running sidecar. */
export { VERSION } from '../runtime/version.ts';
export {
  BackupError,
  bytesOf,
  createBackup,
  listBackups,
  verifyBackup,
  type Backup,
  type BackupProgress,
} from '../storage/backup/index.ts';
export { dataDirAt } from '../storage/data-dir.ts';
export { StoreError } from '../storage/database.ts';
export { DirectoryBusyError } from '../storage/directory-lock.ts';
export { exportStore, importStore, TransferError } from '../storage/transfer/index.ts';
export { examine, type DoctorFinding } from './doctor/index.ts';
export { restore } from './restore.ts';
export { rebuildMirrors } from './rebuild-mirrors.ts';
