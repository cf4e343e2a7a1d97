import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SidecarError, type Check, type JsonObject, type Project } from '@orchestration-sidecar/shared';
import type { Timer } from '../runtime/clock.ts';
import { inCall } from '../telemetry/call-context.ts';
import { isBudgetLow, nextDeadlineMs } from './allowance.ts';
import type { CheckOutcome } from './input.ts';
import type { EngineNeeds } from './needs.ts';
import { callOf, checkKey, currentPhase, isOver, isSettled, type Job, type Run } from './run.ts';
import { placeOfPhase } from './phase-span.ts';
import { taskOf } from './task.ts';

/** Pause before asking again for what the machine could not give. */
const RETRY_MS = 2000;
/** When a started agent should have been seen in the log; after that it is told once more. */
const CONFIRM_MS = 5000;
/** Timers of the runtime cannot wait longer than 24 days; one day is as good. */
const MAX_TIMER_MS = 86_400_000;
const MAX_TAIL_CHARS = 4000;

/** What effects need, besides the engine’s needs. */
export interface EffectsNeeds extends EngineNeeds {
  /** The newest state of a run. */
  current(projectId: string, issueId: string): Run | undefined;
}

/**
 * Brings about what runs want. It compares what a run asks for with what is under way, so that a restart needs no
 * list of pending effects: what is still wanted is begun again, and everything begun is either idempotent by its key
 * or without effect the second time. What comes of it returns as an event of the log, never by another way.
 */
export class Effects {
  readonly #needs: EffectsNeeds;
  /** Effects begun, by run: none is begun twice unless it failed. */
  readonly #begun = new Map<string, Set<string>>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #timers = new Map<string, Timer>();
  readonly #closing = new AbortController();
  /** Ends the checks of a run that are under way, by run. */
  readonly #checking = new Map<string, AbortController>();

  constructor(needs: EffectsNeeds) {
    this.#needs = needs;
  }

  /** Begins what the run wants and nobody has begun. */
  refresh(run: Run): void {
    if (this.#closing.signal.aborted) return;
    for (const job of run.jobs) {
      const starts = job.state === 'planned' && run.status === 'running';
      if (starts) this.#begin(run, `spawn ${job.key}`, () => this.#spawn(run, job));
    }
    for (const { alive, stop, agent_id: agentId } of [...run.jobs, ...run.others]) {
      if (!alive || stop === null || agentId === null) continue;
      this.#begin(run, `stop ${agentId}`, () => this.#stop(run, agentId, stop));
    }
    if (run.phase_state === 'checking' && run.status === 'running') {
      this.#begin(run, checkKey(run), () => this.#check(run));
    }
    // Nobody waits for them any more, and they must not go on changing the project.
    if (isOver(run)) this.#checking.get(nameOf(run))?.abort();
    this.#arm(run);
    if (isSettled(run)) this.#begun.delete(nameOf(run));
  }

  /** Ends what can be ended and waits for the rest. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const timer of this.#timers.values()) timer.cancel();
    await Promise.all(this.#underWay);
  }

  #begin(run: Run, effect: string, work: () => Promise<void>): void {
    const begun = this.#begun.get(nameOf(run)) ?? new Set();
    if (begun.has(effect)) return;
    this.#begun.set(nameOf(run), begun.add(effect));
    const working = inCall(callOf(run), work).catch((cause: unknown) => {
      if (this.#closing.signal.aborted) return;
      this.#needs.logger.warn(
        { err: cause, project_id: run.project_id, issue_id: run.issue_id, effect },
        'workflow effect is tried again',
      );
      this.#again(run, effect);
    });
    this.#underWay.add(working);
    void working.finally(() => this.#underWay.delete(working));
  }

  /** Looks at the run again after a pause, with the effect forgotten. */
  #again(run: Run, effect: string): void {
    this.#timer(run, effect, RETRY_MS, () => {
      this.#begun.get(nameOf(run))?.delete(effect);
      const now = this.#needs.current(run.project_id, run.issue_id);
      if (now) this.refresh(now);
    });
  }

  async #spawn(run: Run, job: Job): Promise<void> {
    const { agents, issues, profiles, projects } = this.#needs;
    const project = projectOf(projects.list(), run);
    const profile = profiles.get(job.agent_type);
    const phase = run.workflow.phases.find((it) => it.name === job.phase);
    if (!profile || !project || !phase) return this.#refuse(run, job, `there is no profile of ${job.agent_type}`);
    const issue = issues.require(run.project_id, run.issue_id);
    try {
      const agent = await agents.spawn({
        profile,
        project,
        issue,
        task: taskOf(run, job, phase, issue),
        requirements: profile.context_requirements,
        environment: {},
        launcher: profile.launcher,
        parentId: null,
        permissions: profile.permissions,
        isBudgetLow: isBudgetLow(run),
        idempotencyKey: job.key,
        correlationId: callOf(run).correlationId,
        trace: placeOfPhase(run, job, this.#needs.tracer),
      });
      this.#confirmLater(run, job, agent.agent_id);
    } catch (cause) {
      if (!(cause instanceof SidecarError)) throw cause;
      // The first request with this key differed, so the agent is there; the log tells of it.
      if (cause.code === 'IDEMPOTENCY_CONFLICT' || cause.code === 'SHUTTING_DOWN') return;
      if (cause.retryable) this.#again(run, `spawn ${job.key}`);
      else await this.#refuse(run, job, `it cannot be started: ${cause.detail}`);
    }
  }

  #refuse(run: Run, job: Job, reason: string): Promise<void> {
    return this.#observe(run, { what: 'spawn_refused', key: job.key, reason });
  }

  #confirmLater(run: Run, job: Job, agentId: string): void {
    this.#timer(run, `confirm ${job.key}`, CONFIRM_MS, () => this.#confirm(run, job, agentId));
  }

  /** Tells of a started agent that the log did not tell of: it ended before, or its event was trimmed away. */
  #confirm(run: Run, job: Job, agentId: string): void {
    const now = this.#needs.current(run.project_id, run.issue_id)?.jobs.find(({ key }) => key === job.key);
    const agent = this.#needs.agents.find(agentId);
    if (now?.state !== 'planned' || !agent) return;
    // It waits for its slot, or its process is on its way: the log will tell.
    if (agent.state === 'queued' || agent.state === 'starting') return this.#confirmLater(run, job, agentId);
    const alive = agent.ended_at === null;
    const data = { what: 'agent', key: job.key, agent_id: agentId, agent_type: job.agent_type, alive };
    this.#begin(run, `confirm ${job.key}`, () => this.#observe(run, data));
  }

  async #stop(run: Run, agentId: string, reason: string): Promise<void> {
    try {
      await this.#needs.agents.stop(agentId, reason);
    } catch (cause) {
      // The store no longer knows it: it counts as lost when its time is over.
      if (!(cause instanceof SidecarError && cause.code === 'AGENT_NOT_FOUND')) throw cause;
      this.#needs.logger.warn({ agent_id: agentId, issue_id: run.issue_id }, 'agent to be stopped is not there');
    }
  }

  async #check(run: Run): Promise<void> {
    const over = new AbortController();
    this.#checking.set(nameOf(run), over);
    try {
      await this.#runChecks(run, AbortSignal.any([over.signal, this.#closing.signal]));
    } finally {
      this.#checking.delete(nameOf(run));
    }
  }

  async #runChecks(run: Run, signal: AbortSignal): Promise<void> {
    const phase = currentPhase(run);
    const project = projectOf(this.#needs.projects.list(), run);
    const asked = phase?.checks ?? [];
    const { checks: named, reason } =
      asked !== 'project'
        ? { checks: asked, reason: null }
        : project
          ? await this.#needs.projectChecks(project)
          : { checks: [], reason: 'the project is not there any more' };
    const checks: CheckOutcome[] = [];
    for (const check of named) {
      if (!project || (check.when_file !== undefined && !existsSync(join(project.root, check.when_file)))) continue;
      checks.push(await this.#runCheck(run, check, project, signal));
      if (signal.aborted) return;
    }
    await this.#write(run, 'checks_complete', {
      key: checkKey(run),
      checks,
      reason,
      passed: checks.every(({ passed }) => passed),
    });
  }

  async #runCheck(
    { issue_id: issueId }: Run,
    check: Check,
    project: Project,
    signal: AbortSignal,
  ): Promise<CheckOutcome> {
    const { command, name, timeout_seconds: seconds } = check;
    const report = await this.#needs.runCheck({ project, issueId, command, timeoutMs: seconds * 1000 }, signal);
    return {
      name,
      passed: report.exitCode === 0,
      exit_code: report.exitCode,
      duration_ms: report.durationMs,
      output_sha256: report.outputSha256,
      tree_hash: report.treeHash,
      output_tail: report.outputTail.slice(-MAX_TAIL_CHARS),
    };
  }

  #arm(run: Run): void {
    const deadlineMs = nextDeadlineMs(run);
    if (deadlineMs === null) return this.#disarm(`${nameOf(run)} time`);
    const delayMs = Math.max(0, deadlineMs - this.#needs.clock.nowMs());
    this.#timer(run, 'time', Math.min(delayMs, MAX_TIMER_MS), () => {
      const now = this.#needs.current(run.project_id, run.issue_id);
      if (!now) return;
      const due = nextDeadlineMs(now);
      if (due === null || due > this.#needs.clock.nowMs()) return this.#arm(now);
      this.#begin(run, `time ${due}`, () => this.#observe(run, { what: 'time' }));
    });
  }

  #observe(run: Run, data: JsonObject): Promise<void> {
    return this.#write(run, 'workflow_observed', data);
  }

  #write(run: Run, eventType: string, data: JsonObject): Promise<void> {
    const { writer, events } = this.#needs;
    return writer.write((transaction) => {
      events.announce(transaction, {
        projectId: run.project_id,
        topic: 'coordination',
        eventType,
        correlationId: run.correlation_id,
        round: run.round,
        data: { issue_id: run.issue_id, ...data },
      });
    });
  }

  #timer(run: Run, effect: string, delayMs: number, call: () => void): void {
    const name = `${nameOf(run)} ${effect}`;
    this.#disarm(name);
    if (this.#closing.signal.aborted) return;
    const timer = this.#needs.clock.after(delayMs, () => {
      this.#timers.delete(name);
      call();
    });
    this.#timers.set(name, timer);
  }

  #disarm(name: string): void {
    this.#timers.get(name)?.cancel();
    this.#timers.delete(name);
  }
}

function nameOf(run: Run): string {
  return `${run.project_id}/${run.issue_id}`;
}

function projectOf(projects: readonly Project[], run: Run): Project | undefined {
  return projects.find(({ project_id: id }) => id === run.project_id);
}
