export { backUpInThread } from './backup-thread.ts';
export { createBackup, type Backup, type BackupProgress, type BackupRequest } from './create-backup.ts';
export { integrityFaults } from './integrity.ts';
export { bytesOf, listBackups, removeOldBackups } from './list-backups.ts';
export { BackupError, type Manifest } from './manifest.ts';
export { restoreBackup, type Restored, type RestoreRequest } from './restore-backup.ts';
export { verifyBackup } from './verify-backup.ts';
