import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { LIMITS, SidecarError, type AgentContext } from '@orchestration-sidecar/shared';
import { CircuitBreakers, isCircuitOpen } from '../runtime/circuit-breakers.ts';
import { isoTime } from '../runtime/clock.ts';
import { silentLogger, type Logger } from '../telemetry/logger.ts';
import { DiskCache } from './cache/disk-cache.ts';
import { MemoryCache } from './cache/memory-cache.ts';
import { ContextWorker, type TreeLook, type WorkerCalls } from './context-worker.ts';
import { SharedFlight } from './flight.ts';
import { GitFailure, gitBreaker } from './git-breaker.ts';
import { Freshness } from './freshness.ts';
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
  readonly now: () => Date;
  /** Worker threads. Default: one less than the processors, between 1 and 4. */
  readonly workers?: number;
  /** File that a worker thread runs. Default: `worker.ts` beside this file, or `context-worker.js` beside a bundle. */
  readonly workerEntry?: URL;
  readonly logger?: Logger;
  /** Where the breakers around git are kept. Default: ones of its own. */
  readonly breakers?: CircuitBreakers;
  /** Told how long a stage of a gathering took. */
  readonly onStage?: (stage: ContextStage, ms: number) => void;
}

/** Stages of a gathering: looking for changes of the tree, gathering what the cache does not hold. */
export type ContextStage = 'look' | 'gather';

/** Opens the injector; its workers start with the first request. Close it with {@link ContextInjector.close}. */
export function createContextInjector(options: ContextInjectorOptions): ContextInjector {
  const { now, logger = silentLogger, onStage = () => {}, breakers = new CircuitBreakers() } = options;
  const entry = options.workerEntry ?? ownWorker();
  const count = options.workers ?? Math.min(4, Math.max(1, availableParallelism() - 1));
  const workers = Array.from({ length: count }, (_, place) => new ContextWorker(entry, `context-${place}`));
  const watcher = new ContextWorker(entry, 'context-watch');
  // A project always goes to the same worker, which keeps its index.
  const workerOf = (root: string): ContextWorker => workers[placeOf(root, count)] ?? watcher;
  /** Looks at a tree, without git where that fails: a context without history is better than none. */
  const look = async (
    root: string,
    edited: WorkerCalls['look']['input']['edited'],
    signal: AbortSignal,
  ): Promise<TreeLook> => {
    const ask = (withGit: boolean): Promise<TreeLook> => workerOf(root).ask('look', { root, withGit, edited }, signal);
    try {
      return await gitBreaker(breakers, root).run(async () => {
        const seen = await ask(true);
        if (seen.withoutGit) throw new GitFailure(seen);
        return seen;
      });
    } catch (cause) {
      if (cause instanceof GitFailure) return cause.seen;
      if (isCircuitOpen(cause)) return ask(false);
      throw cause;
    }
  };
  const freshness = new Freshness(watcher, look);
  const memory = new MemoryCache(options.cacheMaxBytes);
  const disk = new DiskCache(options.cacheDir, options.cacheMaxBytes);
  const flights = new Map<string, SharedFlight<Gathering>>();
  const pruned = disk.prune();
  let closing: Promise<void> | undefined;

  const start = (task: GatherTask, digest: string, key: string): SharedFlight<Gathering> => {
    const scope = scopeOf(task.project.project_id, task.issue.issue_id);
    const flight = new SharedFlight(async (signal) => {
      const treeDigest = digest.slice(0, DIGEST_CHARS);
      const started = performance.now();
      const gathered = await workerOf(task.project.root).ask(
        'gather',
        { task, digest: treeDigest, stored: disk.fileOf(scope, key) },
        signal,
      );
      onStage('gather', performance.now() - started);
      const { context, bytes } = gathered;
      const outdated = memory.set(key, { scope, question: questionOf(task), context, bytes });
      if (outdated !== undefined) void disk.forget(scope, outdated);
      return gathered;
    });
    flights.set(key, flight);
    void flight.settled().then(() => flights.delete(key));
    return flight;
  };

  return {
    async gather({ signal, ...request }) {
      const nowMs = now().getTime();
      const started = performance.now();
      const task: GatherTask = { ...request, maxBytes: Math.min(request.maxBytes, LIMITS.maxContextBytes), nowMs };
      const { root } = request.project;
      const digest = await freshness.digestOf(root, signal);
      onStage('look', performance.now() - started);
      const key = cacheKey(task, digest);
      const known = memory.get(key);
      // Joined only by requests that saw the same tree, so none can be shown an older one.
      const { context, fromStore: hit } =
        known === undefined
          ? await (flights.get(key) ?? start(task, digest, key)).join(signal)
          : { context: known, fromStore: true };
      memory.count(hit);
      freshness.settle(root);
      const ms = Math.round(performance.now() - started);
      logger.debug(
        { issue_id: request.issue.issue_id, agent_type: request.profile.agent_type, ms, hit },
        'context gathered',
      );
      return { ...context, cache_hit: hit, timestamp: isoTime(nowMs) };
    },
    file: async ({ project, path, signal }) => {
      const file = await workerOf(project.root).ask('file', { root: project.root, path }, signal);
      if (file === null) throw new SidecarError('FILE_NOT_FOUND');
      return file;
    },
    clear(projectId, issueId) {
      const scope = scopeOf(projectId, issueId);
      return new Set([...memory.clear(scope), ...disk.clear(scope)]).size;
    },
    stats: () => memory.stats(),
    close() {
      closing ??= (async () => {
        freshness.stop();
        await Promise.all([...workers, watcher].map((worker) => worker.close()));
        await pruned;
      })();
      return closing;
    },
  };
}

type Gathering = WorkerCalls['gather']['output'];

const HOUR_MS = 60 * 60 * 1000;
/** A look answers a SHA-256 in hexadecimal; the reports’ stamps follow it. */
const DIGEST_CHARS = 64;

/** Names everything an answer depends on. The hour is in it because files age out of “the last 24 h”. */
function cacheKey({ nowMs, ...task }: GatherTask, digest: string): string {
  return createHash('sha256')
    .update(JSON.stringify([FORMAT, digest, Math.floor(nowMs / HOUR_MS), task]))
    .digest('base64url');
}

/** Names what was asked, whatever the tree, the results and the profile say by now. */
function questionOf({ project, issue, profile, requirements, task, maxBytes, maxTokens }: GatherTask): string {
  const { project_id: projectId } = project;
  const asked = [projectId, issue.issue_id, profile.agent_type, [...requirements], task, maxBytes, maxTokens ?? null];
  return createHash('sha256').update(JSON.stringify(asked)).digest('base64url');
}

/** Raised when answers change their form or their ranking, so that a newer sidecar does not show an older one’s. */
const FORMAT = 8;

function scopeOf(projectId: string, issueId: string): string {
  return `${projectId}/${issueId}`;
}

function placeOf(root: string, places: number): number {
  return createHash('sha256').update(root).digest().readUInt32BE(0) % places;
}

function ownWorker(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './context-worker.js', import.meta.url);
}
