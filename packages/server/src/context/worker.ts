import { parentPort } from 'node:worker_threads';
import type { WorkerAnswer, WorkerCall } from './pool.ts';
import { createGatherer } from './gatherer.ts';

/** Entry of a worker thread: answers {@link WorkerCall}s until its port closes. */
const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');

const gatherer = createGatherer();
const running = new Map<number, AbortController>();

port.on('message', (call: WorkerCall) => {
  if (call.kind === 'cancel') {
    running.get(call.id)?.abort();
    return;
  }
  void answer(call).then((message) => port.postMessage(message));
});

async function answer(call: Exclude<WorkerCall, { kind: 'cancel' }>): Promise<WorkerAnswer> {
  const controller = new AbortController();
  running.set(call.id, controller);
  try {
    const value =
      call.kind === 'look'
        ? await gatherer.look(call.root, controller.signal)
        : call.kind === 'gather'
          ? await gatherer.gather(call.task, call.digest, controller.signal)
          : await gatherer.file(call.root, call.path, controller.signal);
    return { id: call.id, ok: true, value };
  } catch (cause) {
    return { id: call.id, ok: false, message: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) };
  } finally {
    running.delete(call.id);
  }
}
