import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { LIMITS, type AgentContext } from '@orchestration-sidecar/shared';
import { isoTime } from '../runtime/clock.ts';
import { silentLogger, type Logger } from '../telemetry/logger.ts';
import { ContextCache } from './context-cache.ts';
import { WorkerPool } from './pool.ts';
import type { ContextRequest, FileAnswer, FileRequest, GatherTask } from './request.ts';

/** Shows agents what they need of a project. */
export interface ContextInjector {
  /**
   * Gathers the context for a task. Never answers from a tree that has changed since.
   * @throws the signal’s reason when cancelled; `SHUTTING_DOWN` after {@link ContextInjector.close}.
   */
  gather(request: ContextRequest): Promise<AgentContext>;
  /**
   * Reads one file under the rules that hold for a context.
   * @throws {SidecarError} `FILE_NOT_FOUND` when there is none that may be shown.
   */
  file(request: FileRequest): Promise<FileAnswer>;
  /** Forgets the contexts of an issue; answers how many. */
  clear(projectId: string, issueId: string): number;
  stats(): { readonly entries: number; readonly bytes: number; readonly hits: number; readonly misses: number };
  /** Stops the workers. Closing twice is once. */
  close(): Promise<void>;
}

/** How an injector is set up. */
export interface ContextInjectorOptions {
  /** Directory of the cache’s lasting part; made when missing. */
  readonly cacheDir: string;
  /** Most bytes of contexts kept in memory, and on disk; 0 keeps none. */
  readonly cacheMaxBytes: number;
  now(): Date;
  /** Worker threads. Default: one less than the processors, between 1 and 4. */
  readonly workers?: number;
  /** File that a worker thread runs. Default: `worker.ts` beside this file, or `context-worker.js` beside a bundle. */
  readonly workerEntry?: URL;
  readonly logger?: Logger;
}

/** Opens the injector; its workers start with the first request. Close it with {@link ContextInjector.close}. */
export function createContextInjector(options: ContextInjectorOptions): ContextInjector {
  const { now, logger = silentLogger } = options;
  const workers = options.workers ?? Math.min(4, Math.max(1, availableParallelism() - 1));
  const pool = new WorkerPool(options.workerEntry ?? ownWorker(), workers);
  const cache = new ContextCache(options.cacheMaxBytes);
  const running = new Map<string, Promise<AgentContext>>();
  let closing: Promise<void> | undefined;

  return {
    async gather({ signal, ...request }) {
      const nowMs = now().getTime();
      const task: GatherTask = { ...request, maxBytes: Math.min(request.maxBytes, LIMITS.maxContextBytes), nowMs };
      const digest = await pool.look(request.project.root, signal);
      const key = cacheKey(task, digest);
      const known = cache.get(key);
      if (known !== undefined) return { ...known, cache_hit: true, timestamp: isoTime(nowMs) };
      // Joined only by requests that saw the same tree, so none can be shown an older one.
      const joined = running.get(key);
      if (joined !== undefined) return joined;
      const started = performance.now();
      const work = pool.gather(task, digest, signal);
      running.set(key, work);
      try {
        const context = await work;
        cache.set(key, request.project.project_id, request.issue.issue_id, context);
        const ms = Math.round(performance.now() - started);
        logger.debug({ issue_id: request.issue.issue_id, agent_type: context.agent_type, ms }, 'context gathered');
        return context;
      } finally {
        running.delete(key);
      }
    },
    file: ({ project, path, signal }) => pool.file(project.root, path, signal),
    clear: (projectId, issueId) => cache.clear(projectId, issueId),
    stats: () => cache.stats(),
    close() {
      closing ??= pool.close();
      return closing;
    },
  };
}

const HOUR_MS = 60 * 60 * 1000;

/** Names everything an answer depends on. The hour is in it because files age out of “the last 24 h”. */
function cacheKey({ nowMs, ...task }: GatherTask, digest: string): string {
  return createHash('sha256')
    .update(JSON.stringify([digest, Math.floor(nowMs / HOUR_MS), task]))
    .digest('base64url');
}

function ownWorker(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './context-worker.js', import.meta.url);
}
