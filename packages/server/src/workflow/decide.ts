import type { JsonObject, Phase, Workflow } from '@orchestration-sidecar/shared';
import { levelOf } from './allowance.ts';
import { assignFindings, chooseRunners, conditionHolds, type Catalogue } from './choose.ts';
import { findingsOf, openFindings, recordFindings, roundChangedNothing, threadOf } from './findings.ts';
import type { Happening, Input } from './input.ts';
import {
  deliver,
  endRun,
  failRun,
  failWork,
  halt,
  jobOfAgent,
  noteEnd,
  plan,
  releaseHeld,
  stop,
  takeResult,
  linger,
} from './jobs.ts';
import { checkKey, currentJobs, currentPhase, isOpen, isOver, type Job, type OtherAgent, type Run } from './run.ts';
import { decideThat, say, type Announcement, type Step } from './step.ts';

/** A run after something happened, and what is to be said about it. */
export interface Decided {
  readonly run: Run;
  readonly announcements: readonly Announcement[];
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
    workflow,
    languages: [...beginning.languages],
    status: 'running',
    started_ms: input.atMs,
    ended_ms: null,
    paused_since_ms: null,
    paused_total_ms: 0,
    phase_index: 0,
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
    level: 'ok',
    halted: null,
    work_refused: false,
  };
  const step: Step = { run, input, catalogue, nowMs: input.atMs, said: [] };
  say(step, 'issue_started', { reason: `the issue asks for the workflow ${workflow.name}` });
  next(step);
  return { run, announcements: step.said };
}

/** What follows from a happening. Pure: the same run and input give the same outcome. */
export function decide(before: Run, input: Input, catalogue: Catalogue): Decided {
  const run = structuredClone(before);
  const step: Step = { run, input, catalogue, nowMs: input.atMs, said: [] };
  take(step, input.happening);
  if (!isOver(run)) keepWithinLimits(step);
  if (!isOver(run)) settle(step);
  return { run, announcements: step.said };
}

function take(step: Step, happening: Happening): void {
  const { run } = step;
  switch (happening.kind) {
    case 'created':
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

function takeSpawned(step: Step, { agentId, agentType, key }: Extract<Happening, { kind: 'spawned' }>): void {
  const { run } = step;
  if (run.jobs.some((job) => job.agent_id === agentId) || run.others.some((it) => it.agent_id === agentId)) return;
  const job = run.jobs.find((it) => it.key === key && it.agent_id === null);
  if (!job) {
    const other: OtherAgent = {
      agent_id: agentId,
      agent_type: agentType,
      alive: true,
      stop: null,
      lost_at_ms: null,
      linger_until_ms: null,
      used_tokens: 0,
      used_usd: 0,
    };
    run.others.push(other);
    if (isOver(run)) stop(step, other, run.reason);
    return;
  }
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
  if (ended.how === 'completed' && !mayHandIn) return deliver(step, job);
  const late = job.stop !== null;
  const why = late ? `${job.stop}` : `its process ${ended.how} without a stored result (${ended.reason})`;
  failWork(step, job, why, { retry: late || (ended.how !== 'stopped' && ended.retryPossible) });
}

function openJobOfType(run: Run, agentType: string): Job | undefined {
  return currentJobs(run).find((job) => job.agent_type === agentType && isOpen(job));
}

/** Events of the specification's feedback loop, which every phase understands. */
const REVIEW_REQUESTED = 'review_requested';
const REVIEW_ADDRESSED = 'review_addressed';

function takeAnnounced(step: Step, announced: Extract<Happening, { kind: 'announced' }>): void {
  const { run, input } = step;
  const { eventType, agentId, agentType, data } = announced;
  if (isOver(run)) return;
  noteSeen(run, eventType, agentId === null);
  const phase = currentPhase(run);
  if (!phase) return;
  if (run.phase_state === 'waiting') return enterPhase(step);
  const asksReview = eventType === REVIEW_REQUESTED && phase.findings_to !== null && agentId !== null;
  const answersReview = eventType === REVIEW_ADDRESSED && run.rework_phase === phase.name && agentId !== null;
  if (!asksReview && !answersReview && !phase.announced_by.includes(eventType)) return;
  for (const job of jobsAnnounced(run, agentId, agentType ?? textOf(data['agent_type']))) {
    job.announced_by = input.eventId;
    job.next_agents = stringsOf(data['next_agents']);
    if (phase.findings_to !== null) recordFindings(run, job, findingsOf({ id: input.eventId, data }), null);
    if (answersReview) answerAll(run, job, stringsOf(data['changes']));
    deliver(step, job);
  }
}

/** Whose work an announcement speaks of: the publisher's own, or what a person names, or all that is open. */
function jobsAnnounced(run: Run, agentId: string | null, agentType: string | null): Job[] {
  const open = currentJobs(run).filter(isOpen);
  if (agentId === null) return open.filter((job) => agentType === null || job.agent_type === agentType);
  const own = jobOfAgent(run, agentId, null);
  if (own) return open.filter((job) => job === own);
  return open.filter((job) => job.agent_type === agentType);
}

function answerAll(run: Run, job: Job, changes: readonly string[]): void {
  job.files_changed = Math.max(job.files_changed, changes.length);
  for (const thread of run.findings) {
    if (!job.findings.includes(thread.id)) continue;
    thread.state = 'addressed';
    const reason = changes.join('; ').slice(0, 500) || null;
    thread.answers.push({ round: run.round, by: job.agent_type, answer: 'addressed', reason });
  }
}

function noteSeen(run: Run, eventType: string, byPerson: boolean): void {
  const named = run.workflow.phases.some(
    ({ when, wait_for }) =>
      (when?.if === 'event' && when.event_type === eventType) || wait_for.some((gate) => gate.event_type === eventType),
  );
  if (!named) return;
  run.seen_events = [...new Set([...run.seen_events, eventType, ...(byPerson ? [`${eventType}/operator`] : [])])];
}

function takeChecked(step: Step, { key, checks }: Extract<Happening, { kind: 'checked' }>): void {
  const { run } = step;
  if (run.phase_state !== 'checking' || isOver(run) || key !== checkKey(run)) return;
  const delivered = currentJobs(run).filter((job) => job.state === 'delivered');
  const failed = checks.filter(({ passed }) => !passed);
  run.phase_state = 'working';
  if (failed.length === 0) {
    for (const job of delivered) job.verified = true;
    decideThat(step, 'verified', `${checks.length} of ${checks.length} checks passed`);
    return completePhase(step);
  }
  const facts = failed.map(
    ({ name, exit_code, output_tail }) => `the check ${name} failed (exit ${exit_code ?? 'unknown'}):\n${output_tail}`,
  );
  for (const job of delivered) {
    if (isOver(run)) return;
    failWork(step, job, facts.join('\n'), { retry: true });
  }
  if (!isOver(run) && !run.work_refused && !currentJobs(run).some(isOpen)) completePhase(step);
}

function takeTime(step: Step): void {
  const { run, nowMs } = step;
  for (const agent of [...run.jobs, ...run.others]) {
    if (!agent.alive) continue;
    if (agent.lost_at_ms !== null) {
      if (agent.lost_at_ms > nowMs) continue;
      agent.alive = false;
      if ('key' in agent && isOpen(agent)) failWork(step, agent, `${agent.stop ?? 'it'}; it could not be stopped`, { retry: false });
    } else if (agent.linger_until_ms !== null && agent.linger_until_ms <= nowMs) {
      stop(step, agent, 'it went on running after its work was over');
    } else if ('key' in agent && agent.state === 'working' && agent.deadline_ms !== null && agent.deadline_ms <= nowMs) {
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

function enterPhase(step: Step): void {
  const { run } = step;
  const phase = currentPhase(run);
  if (!phase) return resolve(step);
  // Findings that go back to a phase are reason enough to run it.
  if (run.rework_phase !== phase.name && !conditionHolds(run, phase)) {
    decideThat(step, 'skip_phase', `the condition of ${phase.name} does not hold`);
    run.phase_index += 1;
    return enterPhase(step);
  }
  const missing = phase.wait_for.filter(
    ({ event_type: type, from }) => !run.seen_events.includes(from === 'operator' ? `${type}/operator` : type),
  );
  if (missing.length > 0) {
    const names = missing.map((gate) => gate.event_type).join(', ');
    if (run.phase_state !== 'waiting') decideThat(step, 'wait', `${phase.name} waits for ${names}`);
    run.phase_state = 'waiting';
    return;
  }
  run.phase_state = 'working';
  startPhase(step, phase);
}

function startPhase(step: Step, phase: Phase): void {
  const { run, catalogue } = step;
  const isRework = run.rework_phase === phase.name;
  const assigned = assignFindings(run, phase, isRework ? allOpenFor(run, phase) : [], catalogue);
  const choice = isRework
    ? { agentTypes: [...assigned.keys()], reason: 'they settle the open findings' }
    : chooseRunners(run, phase, catalogue);
  if (choice.agentTypes.length === 0) {
    const reason = `no agent type runs in ${phase.name}`;
    if (phase.on_failure === 'fail' || isRework) return escalate(step, reason);
    decideThat(step, 'skip_phase', reason);
    run.phase_index += 1;
    return enterPhase(step);
  }
  say(step, 'phase_started', { agents: choice.agentTypes, reason: choice.reason });
  for (const agentType of choice.agentTypes) {
    plan(step, phase, { agentType, attempt: 1, findings: assigned.get(agentType) ?? [], facts: [] });
  }
}

function allOpenFor(run: Run, phase: Phase) {
  return run.workflow.phases.filter((it) => it.findings_to === phase.name).flatMap((it) => openFindings(run, it));
}

/** Goes on when nothing of the phase is open any more. */
function settle(step: Step): void {
  const { run } = step;
  const phase = currentPhase(run);
  if (!phase || run.phase_state !== 'working') return;
  releaseHeld(step);
  const jobs = currentJobs(run);
  if (jobs.some(isOpen)) return;
  if (run.work_refused) return failRun(step, run.halted ?? 'work could not be started');
  const delivered = jobs.filter((job) => job.state === 'delivered');
  if (phase.checks.length === 0 || delivered.length === 0) return completePhase(step);
  // What is checked is the tree after the agents' last change, so they must have ended.
  if (jobs.some((job) => job.alive)) return;
  run.phase_state = 'checking';
  run.checks_asked += 1;
  decideThat(step, 'check', `${phase.checks.length} checks of ${phase.name} run`, { key: checkKey(run) });
}

function completePhase(step: Step): void {
  const { run } = step;
  const phase = currentPhase(run);
  if (!phase) return;
  const jobs = currentJobs(run);
  say(step, 'phase_complete', {
    agents: jobs.map((job) => summaryOf(job)),
    reason: `${jobs.filter((job) => job.state === 'delivered').length} of ${jobs.length} agents have delivered`,
  });
  const open = phase.findings_to === null ? [] : openFindings(run, phase);
  if (open.length === 0) {
    run.phase_index += 1;
    return next(step);
  }
  const { max_rounds: maxRounds } = run.workflow.limits;
  if (run.round >= maxRounds) return escalate(step, `${open.length} findings are open after ${run.round} rounds`);
  if (roundChangedNothing(run, phase)) return escalate(step, `round ${run.round} changed nothing`);
  run.round += 1;
  run.rework_phase = phase.findings_to;
  run.phase_index = run.workflow.phases.findIndex(({ name }) => name === phase.findings_to);
  decideThat(step, 'send_back', `${open.length} findings of ${phase.name} go back`, {
    findings: open.map(({ id }) => id),
  });
  next(step);
}

/** Enters the next phase and settles it at once where nothing has to run. */
function next(step: Step): void {
  enterPhase(step);
  if (!isOver(step.run)) settle(step);
}

function summaryOf(job: Job): JsonObject {
  const { agent_type, agent_id, state, result_id, result_status, verified, failure } = job;
  return { agent_type, agent_id, state, result_id, status: result_status, verified, failure };
}

function escalate(step: Step, reason: string): void {
  say(step, 'agent_escalated', { findings: threadOf(step.run), reason });
  failRun(step, reason);
}

function resolve(step: Step): void {
  const reason = 'every phase is complete';
  endRun(step, 'resolved', reason);
  say(step, 'issue_resolved', { reason }, true);
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function stringsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
