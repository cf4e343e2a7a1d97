import { startThread } from '../../runtime/thread.ts';
import type { Backup, BackupProgress, BackupRequest } from './create-backup.ts';
import { BackupError } from './manifest.ts';

/** Message of the thread. */
export type FromBackupThread =
  | { readonly progress: BackupProgress }
  | { readonly backup: Backup }
  | { readonly failure: string };

/**
 * Makes a backup in a thread of its own, so that the event loop notices nothing of it.
 * @throws {BackupError} saying what kept it from being made; the signal’s reason when cancelled.
 */
export function backUpInThread(
  request: BackupRequest,
  onProgress: (progress: BackupProgress) => void,
  signal: AbortSignal,
): Promise<Backup> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Backup>();
  const worker = startThread(ownWorker(), { name: 'backup', workerData: request });
  const cancel = (): void => {
    void worker.terminate();
    reject(signal.reason as Error);
  };
  signal.addEventListener('abort', cancel, { once: true });
  worker.on('message', (message: FromBackupThread) => {
    if ('progress' in message) onProgress(message.progress);
    else if ('backup' in message) resolve(message.backup);
    else reject(new BackupError(message.failure));
  });
  worker.on('error', reject);
  worker.on('exit', () => {
    signal.removeEventListener('abort', cancel);
    reject(new BackupError('The backup ended before it was finished.'));
  });
  return promise;
}

function ownWorker(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './backup-worker.js', import.meta.url);
}
