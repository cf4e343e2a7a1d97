import { Worker } from 'node:worker_threads';
import { SidecarError, type AgentContext } from '@orchestration-sidecar/shared';
import type { FileAnswer, GatherTask } from './request.ts';

/** What a worker is asked. */
export type WorkerCall =
  | { readonly id: number; readonly kind: 'look'; readonly root: string }
  | { readonly id: number; readonly kind: 'gather'; readonly task: GatherTask; readonly digest: string }
  | { readonly id: number; readonly kind: 'file'; readonly root: string; readonly path: string }
  | { readonly id: number; readonly kind: 'cancel' };

/** What it answers. */
export type WorkerAnswer =
  | { readonly id: number; readonly ok: true; readonly value: string | AgentContext | FileAnswer | null }
  | { readonly id: number; readonly ok: false; readonly message: string };

type Ask = { kind: 'look'; root: string } | { kind: 'gather'; task: GatherTask; digest: string } | { kind: 'file'; root: string; path: string };

interface Pending {
  readonly resolve: (value: WorkerAnswer & { ok: true }) => void;
  readonly reject: (error: Error) => void;
}

interface Seat {
  readonly worker: Worker;
  readonly pending: Map<number, Pending>;
}

/**
 * Worker threads that gather. A project always goes to the same one, which keeps its index. A worker starts with its
 * first call; one that dies fails its calls and is replaced by the next.
 */
export class WorkerPool {
  readonly #entry: URL;
  readonly #seats: (Seat | undefined)[];
  #lastId = 0;
  #closed = false;

  /** @param entry file a worker runs: `worker.ts`, or what it was bundled to. */
  constructor(entry: URL, workers: number) {
    this.#entry = entry;
    this.#seats = Array.from({ length: workers });
  }

  async look(root: string, signal: AbortSignal): Promise<string> {
    return (await this.#ask(root, { kind: 'look', root }, signal)) as string;
  }

  async gather(task: GatherTask, digest: string, signal: AbortSignal): Promise<AgentContext> {
    return (await this.#ask(task.project.root, { kind: 'gather', task, digest }, signal)) as AgentContext;
  }

  async file(root: string, path: string, signal: AbortSignal): Promise<FileAnswer> {
    const file = (await this.#ask(root, { kind: 'file', root, path }, signal)) as FileAnswer | null;
    if (file === null) throw new SidecarError('FILE_NOT_FOUND');
    return file;
  }

  /** Stops the workers; what they were doing fails. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#seats.map((seat) => seat?.worker.terminate()));
  }

  async #ask(root: string, ask: Ask, signal: AbortSignal): Promise<unknown> {
    if (this.#closed) throw new SidecarError('SHUTTING_DOWN');
    signal.throwIfAborted();
    const seat = this.#seatFor(root);
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<WorkerAnswer & { ok: true }>();
    seat.pending.set(id, { resolve, reject });
    const cancel = (): void => {
      seat.worker.postMessage({ id, kind: 'cancel' } satisfies WorkerCall);
      seat.pending.delete(id);
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', cancel, { once: true });
    seat.worker.postMessage({ ...ask, id } satisfies WorkerCall);
    try {
      return (await promise).value;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  #seatFor(root: string): Seat {
    let sum = 0;
    for (const letter of root) sum = (Math.imul(sum, 31) + (letter.codePointAt(0) ?? 0)) >>> 0;
    const place = sum % this.#seats.length;
    return (this.#seats[place] ??= this.#start(place));
  }

  #start(place: number): Seat {
    const worker = new Worker(this.#entry, { name: `context-${place}` });
    const seat: Seat = { worker, pending: new Map() };
    worker.unref();
    worker.on('message', (answer: WorkerAnswer) => {
      const pending = seat.pending.get(answer.id);
      seat.pending.delete(answer.id);
      if (answer.ok) pending?.resolve(answer);
      else pending?.reject(new SidecarError('INTERNAL', undefined, { cause: new Error(answer.message) }));
    });
    let failure: unknown;
    worker.on('error', (error) => {
      failure = error;
    });
    worker.on('exit', () => {
      if (this.#seats[place] === seat) this.#seats[place] = undefined;
      const code = this.#closed ? 'SHUTTING_DOWN' : 'INTERNAL';
      for (const { reject } of seat.pending.values()) reject(new SidecarError(code, undefined, { cause: failure }));
      seat.pending.clear();
    });
    return seat;
  }
}
