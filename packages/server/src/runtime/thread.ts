import { Worker, type WorkerOptions } from 'node:worker_threads';

const EXCLUDE_ENVIRONMENT = '--report-exclude-env';

/**
 * Starts a thread whose part of a diagnostic report holds no environment from its first moment on: one that sets it
 * for itself does so only once it runs, and a crash before then would write every secret down. A Node that does not
 * know the option, or was started with one that threads may not have, leaves it to the thread.
 */
export function startThread(entry: URL, options: WorkerOptions): Worker {
  if (!process.allowedNodeEnvironmentFlags.has(EXCLUDE_ENVIRONMENT)) return new Worker(entry, options);
  try {
    return new Worker(entry, { ...options, execArgv: [...process.execArgv, EXCLUDE_ENVIRONMENT] });
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_WORKER_INVALID_EXEC_ARGV') {
      return new Worker(entry, options);
    }
    throw cause;
  }
}
