import { SidecarError, type JsonObject, type StoredResult } from '@orchestration-sidecar/shared';
import type { HandOver } from '../results/index.ts';
import { isBudgetLow } from './allowance.ts';
import { ProjectRuns, type EngineContext } from './project-runs.ts';
import type { EngineNeeds } from './needs.ts';
import { Effects } from './effects.ts';
import { handOverOf } from './hand-over.ts';
import type { Run } from './run.ts';
import { RunStore } from './run-store.ts';

/** Pause before a project’s log is followed again after a failure. */
const RETRY_MS = 1000;

/**
 * Resolves issues by their workflows. One cursor per project follows the log; what happened is turned into decisions
 * by pure transitions ({@link decide}), and state, decisions and cursor are committed together, so that a restart goes
 * on where the log was left, starts no agent twice and forgets none.
 */
export class Engine implements HandOver {
  readonly #needs: EngineNeeds;
  readonly #context: EngineContext;
  readonly #effects: Effects;
  readonly #projects = new Map<string, ProjectRuns>();
  readonly #loops = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  #stopWatching: (() => void) | undefined;

  constructor(needs: EngineNeeds) {
    this.#needs = needs;
    this.#effects = new Effects({ ...needs, current: (projectId, issueId) => this.run(projectId, issueId) });
    this.#context = { ...needs, store: new RunStore(needs.database), changed: (run) => this.#effects.refresh(run) };
  }

  /** Takes up what was left and follows every project from then on. */
  start(): Promise<void> {
    this.#stopWatching ??= this.#needs.log.onCommit((projectId) => this.#followNew(projectId));
    for (const { project_id: projectId } of this.#needs.projects.list()) this.#follow(projectId);
    return Promise.resolve();
  }

  /** Stops deciding and starting; agents go on. Closing twice is once. */
  async close(): Promise<void> {
    this.#stopWatching?.();
    this.#closing.abort();
    await Promise.all(this.#loops);
    await this.#effects.close();
  }

  /**
   * Who goes on after a result, as it is being stored: what the workflow will start for it, or what the profile hands
   * over to where no workflow drives the issue. Call it inside the transaction that stores the result.
   */
  nextAgents(result: StoredResult): readonly string[] {
    const { project_id: projectId, issue_id: issueId } = result;
    if (this.#needs.issues.require(projectId, issueId).workflow === null)
      return handOverOf(result, this.#needs.profiles);
    return this.#project(projectId).nextAgents(result);
  }

  /**
   * Reserves one agent that somebody starts for an issue besides its workflow. Call what it answers when the start is
   * over, well or badly. An issue without a workflow has no limits here.
   * @param parentId agent that asks; null: a person.
   * @throws {SidecarError} `ISSUE_LIMIT_REACHED` when the workflow’s `max_spawns` or `max_depth` would be passed, or it
   * starts no further agent.
   */
  admit(projectId: string, issueId: string, agentType: string, parentId: string | null): () => void {
    let depth = 1;
    for (let parent = parentId; parent !== null; parent = this.#needs.agents.find(parent)?.parent_id ?? null)
      depth += 1;
    return this.#project(projectId).admit(issueId, agentType, depth);
  }

  /** Whether little is left of the budget of an issue; false when no workflow drives it. */
  isBudgetLow(projectId: string, issueId: string): boolean {
    const run = this.run(projectId, issueId);
    return run !== undefined && isBudgetLow(run);
  }

  /** The aggregated result of an issue so far; undefined when no workflow drives or drove it. */
  outcome(projectId: string, issueId: string): JsonObject | undefined {
    return this.#project(projectId).outcome(issueId);
  }

  /** The run of an issue as it stands; undefined when no workflow drives it or all of it is long settled. */
  run(projectId: string, issueId: string): Run | undefined {
    return this.#projects.get(projectId)?.run(issueId);
  }

  /** Events that the project furthest behind has still to act on. */
  furthestBehind(headOf: (projectId: string) => number): number {
    const behind = [...this.#projects].map(([projectId, project]) =>
      project.following ? headOf(projectId) - project.sequence : 0,
    );
    return Math.max(0, ...behind);
  }

  #project(projectId: string): ProjectRuns {
    const known = this.#projects.get(projectId);
    if (known) return known;
    const opened = new ProjectRuns(projectId, this.#context);
    this.#projects.set(projectId, opened);
    return opened;
  }

  /** Follows a project when it first commits something. Whoever commits must not hear of a failure here. */
  #followNew(projectId: string): void {
    if (this.#projects.get(projectId)?.following) return;
    try {
      this.#follow(projectId);
    } catch (cause) {
      this.#needs.logger.error({ err: cause, project_id: projectId }, 'a project cannot be followed');
    }
  }

  #follow(projectId: string): void {
    if (this.#closing.signal.aborted) return;
    const project = this.#project(projectId);
    if (project.following) return;
    project.following = true;
    const loop = this.#drive(project);
    this.#loops.add(loop);
    void loop.finally(() => this.#loops.delete(loop));
  }

  async #drive(project: ProjectRuns): Promise<void> {
    const { signal } = this.#closing;
    for (const run of project.unsettled()) this.#effects.refresh(run);
    while (!signal.aborted) {
      try {
        await project.follow(signal);
      } catch (cause) {
        if (signal.aborted) return;
        const expired = cause instanceof SidecarError && cause.code === 'CURSOR_EXPIRED';
        this.#needs.logger[expired ? 'warn' : 'error'](
          { err: cause, project_id: project.projectId },
          expired ? 'the log was trimmed past the workflow engine' : 'workflow engine failed and goes on',
        );
        if (expired) project.startOver();
        else await this.#pause();
      }
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#closing;
      const timer = this.#needs.clock.after(RETRY_MS, done);
      function done(): void {
        timer.cancel();
        signal.removeEventListener('abort', done);
        resolve();
      }
      signal.addEventListener('abort', done);
    });
  }
}

/** Opens the workflow engine; {@link Engine.start} sets it going, {@link Engine.close} ends it. */
export function createEngine(needs: EngineNeeds): Engine {
  return new Engine(needs);
}
