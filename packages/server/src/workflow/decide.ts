import type { Workflow } from '@orchestration-sidecar/shared';
import { levelOf, reservationFor } from './allowance.ts';
import { takeAnnounced } from './announced.ts';
import type { Catalogue } from './choose.ts';
import { endRun, failRun, linger, noteEnd, stop } from './ending.ts';
import type { Happening, Input } from './input.ts';
import { deliver, failWork, halt, jobOfAgent } from './jobs.ts';
import { next, settle, takeChecked } from './phases.ts';
import { currentJobs, currentPhase, isOpen, isOver, type Job, type OtherAgent, type Run } from './run.ts';
import { decideThat, say, type Announcement, type EndedPhase, type Step } from './step.ts';
import { takeResult } from './take-result.ts';

/** A run after something happened, and what is to be said about it. */
export interface Decided {
  readonly run: Run;
  readonly announcements: readonly Announcement[];
  /** Phases that came to an end. */
  readonly phases: readonly EndedPhase[];
}

/** What a run starts from. */
export interface Beginning {
  readonly title: string;
  readonly workflow: Workflow;
  /** Languages of the project, most used first. */
  readonly languages: readonly string[];
}

/** Starts a workflow for an issue. */
export function begin(input: Input, beginning: Beginning, catalogue: Catalogue): Decided {
  const { workflow } = beginning;
  const run: Run = {
    version: 1,
    project_id: input.projectId,
    issue_id: input.issueId,
    title: beginning.title,
    correlation_id: input.correlationId,
    traceparent: input.traceparent ?? null,
    workflow,
    languages: [...beginning.languages],
    status: 'running',
    started_ms: input.atMs,
    ended_ms: null,
    paused_since_ms: null,
    paused_total_ms: 0,
    phase_index: 0,
    phase_started_ms: null,
    phase_state: 'working',
    round: 1,
    rework_phase: null,
    reason: '',
    jobs: [],
    others: [],
    findings: [],
    findings_left_out: 0,
    seen_events: [],
    checks_asked: 0,
    checked_trees: [],
    level: 'ok',
    halted: null,
    work_refused: false,
  };
  const step: Step = { run, input, catalogue, nowMs: input.atMs, said: [], phases: [] };
  say(step, 'issue_started', { reason: `the issue asks for the workflow ${workflow.name}` });
  next(step);
  return { run, announcements: step.said, phases: step.phases };
}

/** What follows from a happening. Pure: the same run and input give the same outcome. */
export function decide(before: Run, input: Input, catalogue: Catalogue): Decided {
  const run = draftOf(before);
  const step: Step = { run, input, catalogue, nowMs: input.atMs, said: [], phases: [] };
  take(step, input.happening);
  if (!isOver(run)) keepWithinLimits(step);
  if (!isOver(run)) settle(step);
  return { run, announcements: step.said, phases: step.phases };
}

/** A copy to change: what transitions change in place is copied, what they replace is shared. */
function draftOf(run: Run): Run {
  return {
    ...run,
    jobs: run.jobs.map((job) => ({ ...job })),
    others: run.others.map((agent) => ({ ...agent })),
    findings: run.findings.map((thread) => ({ ...thread, answers: [...thread.answers] })),
  };
}

function take(step: Step, happening: Happening): void {
  const { run } = step;
  switch (happening.kind) {
    case 'created':
      return;
    case 'queued':
      // Work of the workflow’s own is planned already, and its time begins when its agent runs.
      if (!run.jobs.some(({ key }) => key === happening.key)) takeOther(step, happening);
      return;
    case 'spawned':
      return takeSpawned(step, happening);
    case 'ended':
      return takeEnded(step, happening);
    case 'result': {
      const { result } = happening;
      const job = jobOfAgent(run, result.agent_id, null) ?? openJobOfType(run, result.agent_type);
      if (job) takeResult(step, job, result);
      return;
    }
    case 'announced':
      return takeAnnounced(step, happening);
    case 'refused': {
      const job = run.jobs.find(({ key }) => key === happening.key);
      if (job?.state === 'planned') failWork(step, job, happening.reason, { retry: false });
      return;
    }
    case 'checked':
      return takeChecked(step, happening);
    case 'time':
      return takeTime(step);
    case 'paused':
      if (run.status !== 'running') return;
      run.status = 'paused';
      run.paused_since_ms = step.nowMs;
      run.reason = 'paused';
      return;
    case 'resumed':
      if (run.status !== 'paused') return;
      run.status = 'running';
      run.paused_total_ms += step.nowMs - (run.paused_since_ms ?? step.nowMs);
      run.paused_since_ms = null;
      run.reason = 'resumed';
      return;
    case 'cancelled':
      if (!isOver(run)) endRun(step, 'cancelled', happening.reason);
      return;
  }
}

type Started = Extract<Happening, { kind: 'queued' | 'spawned' }>;

/** Counts an agent that the workflow did not start. */
function takeOther(step: Step, { agentId, agentType }: Started): void {
  const { run } = step;
  if (run.others.some((it) => it.agent_id === agentId)) return;
  const other: OtherAgent = {
    agent_id: agentId,
    agent_type: agentType,
    alive: true,
    stop: null,
    lost_at_ms: null,
    linger_until_ms: null,
    ...reservationFor(agentType, step.catalogue),
    used_tokens: 0,
    used_usd: 0,
  };
  run.others.push(other);
  if (isOver(run)) stop(step, other, run.reason);
}

function takeSpawned(step: Step, started: Started): void {
  const { run } = step;
  const { agentId, key } = started;
  if (run.jobs.some((job) => job.agent_id === agentId)) return;
  const job = run.jobs.find((it) => it.key === key && it.agent_id === null);
  if (!job) return takeOther(step, started);
  job.agent_id = agentId;
  job.alive = true;
  if (job.state === 'planned') {
    job.state = 'working';
    const seconds = currentPhase(run)?.timeout_seconds ?? null;
    job.deadline_ms = seconds === null ? null : step.nowMs + seconds * 1000;
  } else if (job.state === 'delivered') linger(step, job);
  else stop(step, job, job.failure ?? run.reason);
}

function takeEnded(step: Step, ended: Extract<Happening, { kind: 'ended' }>): void {
  const { run } = step;
  const other = run.others.find((it) => it.agent_id === ended.agentId);
  if (other) return noteEnd(other, ended.usage);
  const job = jobOfAgent(run, ended.agentId, ended.key);
  if (!job || (job.agent_id !== null && job.agent_id !== ended.agentId)) return;
  job.agent_id = ended.agentId;
  noteEnd(job, ended.usage);
  if (!isOpen(job)) return;
  if (ended.result) return takeResult(step, job, ended.result);
  const mayHandIn = step.catalogue.get(job.agent_type)?.permissions.includes('write_results') ?? false;
  if (ended.how === 'completed' && (!mayHandIn || job.announced_by !== null)) return deliver(step, job);
  const late = job.stop !== null;
  const why = late ? `${job.stop}` : `its process ${ended.how} without a stored result (${ended.reason})`;
  failWork(step, job, why, { retry: late || (ended.how !== 'stopped' && ended.retryPossible) });
}

function openJobOfType(run: Run, agentType: string): Job | undefined {
  return currentJobs(run).find((job) => job.agent_type === agentType && isOpen(job));
}

function takeTime(step: Step): void {
  const { run, nowMs } = step;
  for (const agent of [...run.jobs, ...run.others]) {
    if (!agent.alive) continue;
    if (agent.lost_at_ms !== null) {
      if (agent.lost_at_ms > nowMs) continue;
      agent.alive = false;
      if ('key' in agent && isOpen(agent))
        failWork(step, agent, `${agent.stop ?? 'it'}; it could not be stopped`, { retry: false });
    } else if (agent.linger_until_ms !== null && agent.linger_until_ms <= nowMs) {
      stop(step, agent, 'it went on running after its work was over');
    } else if (
      'key' in agent &&
      agent.state === 'working' &&
      agent.deadline_ms !== null &&
      agent.deadline_ms <= nowMs
    ) {
      stop(step, agent, `it took longer than ${currentPhase(run)?.timeout_seconds ?? 0} seconds`);
      decideThat(step, 'stop', `${agent.agent_type} is late`, { agent_id: agent.agent_id });
    }
  }
}

const LEVELS = ['ok', 'warned', 'no_more_agents', 'stopping'] as const;

function keepWithinLimits(step: Step): void {
  const { run } = step;
  const { level, reason } = levelOf(run, step.nowMs);
  if (LEVELS.indexOf(level) <= LEVELS.indexOf(run.level)) return;
  run.level = level;
  if (level === 'warned') decideThat(step, 'warn', `${reason} are used`);
  if (level === 'no_more_agents') {
    halt(step, `the limit is reached: ${reason}`);
    for (const job of run.jobs.filter(({ state }) => state === 'planned')) {
      job.state = 'failed';
      job.failure = run.halted;
      run.work_refused = true;
    }
  }
  if (level === 'stopping') failRun(step, `the limit is passed: ${reason}`);
}
