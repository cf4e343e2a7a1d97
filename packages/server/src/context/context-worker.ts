import type { Worker } from 'node:worker_threads';
import { startThread } from '../runtime/thread.ts';
import { SidecarError, type AgentContext } from '@orchestration-sidecar/shared';
import type { PackedFiles } from './indexed-files.ts';
import type { FileAnswer, GatherTask } from './request.ts';

/** What a look at a tree found. */
export interface TreeLook {
  readonly digest: string;
  /** Whether there is a repository of which git told nothing: because it failed, or was left alone. */
  readonly withoutGit: boolean;
}

/** What has changed in a tree since it was counted. */
export interface TreeEdits {
  /** Paths at which something has changed, relative to the project; null: not known where. */
  readonly paths: readonly string[] | null;
}

/** What a worker can be asked, and what it answers. */
export interface WorkerCalls {
  /** Digest of a tree as it is now. */
  look: {
    /**
     * `withGit` false: leaves git alone. `edited`: nothing but these paths has changed since the tree had a digest; null:
     * anything may have.
     */
    readonly input: {
      readonly root: string;
      readonly withGit: boolean;
      readonly edited: { readonly since: string; readonly paths: readonly string[] } | null;
    };
    readonly output: TreeLook;
  };
  gather: {
    /** `stored`: file that holds the answer, or shall; null: none. */
    readonly input: { readonly task: GatherTask; readonly digest: string; readonly stored: string | null };
    readonly output: { readonly context: AgentContext; readonly bytes: number; readonly fromStore: boolean };
  };
  file: { readonly input: { readonly root: string; readonly path: string }; readonly output: FileAnswer | null };
  /** Reads files for ranking, for a worker that has many to read. */
  read: {
    readonly input: {
      readonly root: string;
      /** Paths with a NUL between them: one string moves between threads sooner than many objects. */
      readonly paths: string;
      readonly sizes: Float64Array<ArrayBuffer>;
    };
    readonly output: PackedFiles;
  };
  /** Starts watching a tree; false when it cannot be. */
  watch: { readonly input: { readonly root: string }; readonly output: boolean };
  /** Counts changes of a watched tree anew, and answers those until then; null when its watch no longer covers it. */
  again: { readonly input: { readonly root: string }; readonly output: TreeEdits | null };
  /** Whether a watched tree is as it was. */
  unchanged: { readonly input: { readonly root: string }; readonly output: boolean };
}

/** A call’s name. */
export type CallName = keyof WorkerCalls;

/** Message to a worker. */
export type ToWorker =
  | {
      readonly [Name in CallName]: {
        readonly id: number;
        readonly call: Name;
        readonly input: WorkerCalls[Name]['input'];
      };
    }[CallName]
  | { readonly id: number; readonly call: 'cancel' };

/** Message from a worker. */
export type FromWorker =
  | { readonly id: number; readonly ok: true; readonly output: WorkerCalls[CallName]['output'] }
  | { readonly id: number; readonly ok: false; readonly message: string };

interface Pending {
  readonly resolve: (output: WorkerCalls[CallName]['output']) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A worker thread that starts with its first call. One that dies fails its calls, and the next call starts another.
 */
export class ContextWorker {
  readonly #entry: URL;
  readonly #name: string;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #lastId = 0;
  #closed = false;

  /** @param entry file the worker runs: `worker.ts`, or what it was bundled to. */
  constructor(entry: URL, name: string) {
    this.#entry = entry;
    this.#name = name;
  }

  /**
   * Asks the worker.
   * @throws the signal’s reason when cancelled; `SHUTTING_DOWN` when closed; `INTERNAL` when the worker failed.
   */
  async ask<Name extends CallName>(
    call: Name,
    input: WorkerCalls[Name]['input'],
    signal: AbortSignal,
  ): Promise<WorkerCalls[Name]['output']> {
    if (this.#closed) throw new SidecarError('SHUTTING_DOWN');
    signal.throwIfAborted();
    const worker = (this.#worker ??= this.#start());
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<WorkerCalls[CallName]['output']>();
    this.#pending.set(id, { resolve, reject });
    const cancel = (): void => {
      worker.postMessage({ id, call: 'cancel' } satisfies ToWorker, []);
      this.#pending.delete(id);
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', cancel, { once: true });
    worker.postMessage({ id, call, input }, []);
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  /** Stops the worker; what it was doing fails with `SHUTTING_DOWN`. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = startThread(this.#entry, { name: this.#name });
    worker.unref();
    worker.on('message', (answer: FromWorker) => {
      const pending = this.#pending.get(answer.id);
      this.#pending.delete(answer.id);
      if (answer.ok) pending?.resolve(answer.output);
      else pending?.reject(new SidecarError('INTERNAL', undefined, { cause: new Error(answer.message) }));
    });
    let failure: unknown;
    worker.on('error', (error) => {
      failure = error;
    });
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
      const code = this.#closed ? 'SHUTTING_DOWN' : 'INTERNAL';
      for (const { reject } of this.#pending.values()) reject(new SidecarError(code, undefined, { cause: failure }));
      this.#pending.clear();
    });
    return worker;
  }
}
