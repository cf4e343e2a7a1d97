import { parentPort, workerData } from 'node:worker_threads';
import type { BackupRequest } from './create-backup.ts';
import { createBackup } from './create-backup.ts';
import type { FromBackupThread } from './backup-thread.ts';

// A thread has its own part in the diagnostic report of a crash, with the environment of the process in it.
process.report.excludeEnv = true;

/** Entry of a worker thread: makes the one backup it was started for. */
const say = (message: FromBackupThread): void => parentPort?.postMessage(message, []);

try {
  // What backup-thread.ts hands in.
  const request = workerData as BackupRequest;
  say({ backup: await createBackup(request, (progress) => say({ progress })) });
} catch (cause) {
  say({ failure: cause instanceof Error ? cause.message : String(cause) });
}
