import { parentPort } from 'node:worker_threads';
import { availableParallelism, constants, getPriority, setPriority } from 'node:os';
import { readEntry, writeEntry } from './cache/disk-cache.ts';
import { ContextWorker, type CallName, type FromWorker, type ToWorker, type WorkerCalls } from './context-worker.ts';
import { createGatherer } from './gatherer.ts';
import { readFiles } from './indexed-files.ts';
import { TreeWatch } from './watch.ts';
import type { AgentContext } from '@orchestration-sidecar/shared';

/** Entry of a worker thread: answers calls until its port closes. */
const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');
// A thread has its own part in the diagnostic report of a crash, with the environment of the process in it.
process.report.excludeEnv = true;

/** A thread of the same kind, started when there is much to read and a processor for it. */
const reader = availableParallelism() > 1 ? new ContextWorker(new URL(import.meta.url), 'context-reader') : null;
const gatherer = createGatherer(
  reader === null
    ? null
    : (root, files, signal) => {
        const paths = files.map(({ path }) => path).join('\0');
        return reader.ask('read', { root, paths, sizes: Float64Array.from(files, ({ size }) => size) }, signal);
      },
);
const trees = new TreeWatch();
const running = new Map<number, AbortController>();

/** How much a second reader gives way to the threads that answer, so that a large tree keeps nobody else waiting. */
const NICENESS = 5;
let givesWay = false;

/** On Linux a thread has a priority of its own; elsewhere the whole process would be slowed down. */
function giveWay(): void {
  if (givesWay || process.platform !== 'linux') return;
  givesWay = true;
  try {
    setPriority(Math.min(constants.priority.PRIORITY_LOW, getPriority() + NICENESS));
  } catch {
    // Where that is forbidden, the threads stay equals.
  }
}

const calls: {
  readonly [Name in CallName]: (
    input: WorkerCalls[Name]['input'],
    signal: AbortSignal,
  ) => Promise<WorkerCalls[Name]['output']>;
} = {
  look: ({ root, withGit, edited }, signal) => gatherer.look(root, withGit, edited, signal),
  async gather({ task, digest, stored }, signal) {
    const known = stored === null ? null : readEntry(stored, task.nowMs);
    if (known !== null) {
      // What this worker wrote, under a name that says what it depends on.
      const context = known as AgentContext;
      return { context, bytes: Buffer.byteLength(JSON.stringify(context)), fromStore: true };
    }
    const { context, digest: seen } = await gatherer.gather(task, digest, signal);
    const json = JSON.stringify(context);
    // Before the answer goes: what is cleared after it must be there to be cleared.
    if (stored !== null && seen === digest) writeEntry(stored, json);
    return { context, bytes: Buffer.byteLength(json), fromStore: false };
  },
  file: ({ root, path }, signal) => gatherer.file(root, path, signal),
  read({ root, paths, sizes }) {
    giveWay();
    const files = paths.split('\0').map((path, index) => ({ path, size: sizes[index] ?? 0 }));
    return Promise.resolve(readFiles(root, files));
  },
  watch: ({ root }, signal) => trees.start(root, signal),
  again: ({ root }) => trees.again(root),
  unchanged: ({ root }) => trees.unchanged(root),
};

port.on('message', (message: ToWorker) => {
  if (message.call === 'cancel') running.get(message.id)?.abort();
  else void answer(message).then((reply) => port.postMessage(reply, buffersOf(reply)));
});

/** What was read moves to whoever asked, without a copy. */
function buffersOf(reply: FromWorker): ArrayBuffer[] {
  if (!reply.ok || reply.output === null || typeof reply.output !== 'object' || !('codes' in reply.output)) return [];
  const { codes, found, ends, terms, counts, defines } = reply.output;
  return [codes, found, ends, terms, counts, defines].map(({ buffer }) => buffer);
}

async function answer(message: Exclude<ToWorker, { call: 'cancel' }>): Promise<FromWorker> {
  const { id } = message;
  const controller = new AbortController();
  running.set(id, controller);
  try {
    return { id, ok: true, output: await run(message, controller.signal) };
  } catch (cause) {
    return { id, ok: false, message: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) };
  } finally {
    running.delete(id);
  }
}

function run(
  message: Exclude<ToWorker, { call: 'cancel' }>,
  signal: AbortSignal,
): Promise<WorkerCalls[CallName]['output']> {
  // Spelled out, so that each call meets its own input.
  if (message.call === 'look') return calls.look(message.input, signal);
  if (message.call === 'gather') return calls.gather(message.input, signal);
  if (message.call === 'file') return calls.file(message.input, signal);
  if (message.call === 'read') return calls.read(message.input, signal);
  if (message.call === 'watch') return calls.watch(message.input, signal);
  if (message.call === 'again') return calls.again(message.input, signal);
  return calls.unchanged(message.input, signal);
}
