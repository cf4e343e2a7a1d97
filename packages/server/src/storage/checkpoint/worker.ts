import { parentPort, workerData } from 'node:worker_threads';
import Sqlite from 'better-sqlite3';
import type { CheckpointRequest, FromCheckpointThread } from './checkpoints.ts';

// A thread has its own part in the diagnostic report of a crash, with the environment of the process in it.
process.report.excludeEnv = true;

/** Entry of a worker thread: checkpoints one store whenever it is asked to, until the port closes. */
const store = new Sqlite(String(workerData), { fileMustExist: true });
store.pragma('synchronous = FULL');
/** `log` pages in the write-ahead log, `checkpointed` of them copied; both -1 where there is none. */
interface Progress {
  readonly log: number;
  readonly checkpointed: number;
}
const look = store.prepare<[], Progress>('pragma wal_checkpoint(NOOP)');
const copy = store.prepare<[], Progress>('pragma wal_checkpoint(PASSIVE)');

function checkpoint({ minPages }: CheckpointRequest): FromCheckpointThread {
  try {
    const { log = 0, checkpointed = 0 } = look.get() ?? {};
    if (log - checkpointed >= minPages) copy.get();
    return { failure: null };
  } catch (cause) {
    return { failure: cause instanceof Error ? cause.message : String(cause) };
  }
}

parentPort?.on('message', (request: CheckpointRequest | 'close') => {
  if (request !== 'close') {
    parentPort?.postMessage(checkpoint(request), []);
    return;
  }
  store.close();
  parentPort?.close();
});
