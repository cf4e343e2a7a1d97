import { parentPort, workerData } from 'node:worker_threads';
import type { BackupRequest } from './create-backup.ts';
import { createBackup } from './create-backup.ts';
import type { FromBackupThread } from './backup-thread.ts';

/** Entry of a worker thread: makes the one backup it was started for. */
const say = (message: FromBackupThread): void => parentPort?.postMessage(message, []);

try {
  // What backup-thread.ts hands in.
  const request = workerData as BackupRequest;
  say({ backup: await createBackup(request, (progress) => say({ progress })) });
} catch (cause) {
  say({ failure: cause instanceof Error ? cause.message : String(cause) });
}
