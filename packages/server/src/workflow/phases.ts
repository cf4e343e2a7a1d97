import type { JsonObject, Phase } from '@orchestration-sidecar/shared';
import { assignFindings, chooseRunners, conditionHolds } from './choose.ts';
import { endRun, failRun } from './ending.ts';
import { noteCheckedTree, openFindings, roundChangedNothing, threadOf } from './findings.ts';
import type { Happening } from './input.ts';
import { failWork, plan, releaseHeld } from './jobs.ts';
import { checkKey, currentJobs, currentPhase, isOpen, isOver, type FindingThread, type Job, type Run } from './run.ts';
import { decideThat, leavePhase, say, type Step } from './step.ts';

/** Enters the next phase and settles it at once where nothing has to run. */
export function next(step: Step): void {
  enterPhase(step);
  if (!isOver(step.run)) settle(step);
}

/** Starts the phase the run has come to, passes it over, or waits before it. */
export function enterPhase(step: Step): void {
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
  run.phase_started_ms = step.nowMs;
  // Its agents start when a person lets the issue go on.
  const isHeld = run.status === 'paused';
  say(step, 'phase_started', { agents: choice.agentTypes, ...(isHeld && { held: 'paused' }), reason: choice.reason });
  for (const agentType of choice.agentTypes) {
    plan(step, phase, { agentType, attempt: 1, findings: assigned.get(agentType) ?? [], facts: [] });
  }
}

function allOpenFor(run: Run, phase: Phase): FindingThread[] {
  return run.workflow.phases.filter((it) => it.findings_to === phase.name).flatMap((it) => openFindings(run, it));
}

/** Goes on when nothing of the phase is open any more. */
export function settle(step: Step): void {
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
  const what = phase.checks === 'project' ? 'the tests of the project' : `the checks of ${phase.name}`;
  decideThat(step, 'check', `${what} run`, { key: checkKey(run) });
}

/** Takes what the checks of the phase said. */
export function takeChecked(step: Step, { key, checks, reason }: Extract<Happening, { kind: 'checked' }>): void {
  const { run } = step;
  if (run.phase_state !== 'checking' || isOver(run) || key !== checkKey(run)) return;
  const delivered = currentJobs(run).filter((job) => job.state === 'delivered');
  const failed = checks.filter(({ passed }) => !passed);
  run.phase_state = 'working';
  noteCheckedTree(run, checks.at(-1)?.tree_hash ?? null);
  if (failed.length === 0) {
    // Checks that do not concern the project say nothing about it.
    for (const job of delivered) job.verified = checks.length > 0;
    if (checks.length > 0) decideThat(step, 'verified', `${checks.length} of ${checks.length} checks passed`);
    else decideThat(step, 'unchecked', `what was done stays claimed: ${reason ?? 'no check concerns this project'}`);
    return completePhase(step);
  }
  // The first thing to know of a failure: whether it can be the agents'.
  const before = run.jobs.some(({ files_changed }) => files_changed > 0)
    ? ''
    : 'no agent has reported a changed file; this may have failed before any came: ';
  const facts = failed.map(
    ({ name, exit_code, output_tail }) => `the check ${name} failed (exit ${exit_code ?? 'unknown'}):\n${output_tail}`,
  );
  for (const job of delivered) {
    if (isOver(run)) return;
    failWork(step, job, before + facts.join('\n'), { retry: true });
  }
  if (!isOver(run) && !run.work_refused && !currentJobs(run).some(isOpen)) completePhase(step);
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
  leavePhase(step);
  const open = phase.findings_to === null ? [] : openFindings(run, phase);
  if (open.length === 0) {
    run.phase_index += 1;
    return next(step);
  }
  const { max_rounds: maxRounds } = run.workflow.limits;
  const isOne = open.length === 1;
  if (run.round >= maxRounds)
    return escalate(step, `${open.length} ${isOne ? 'finding is' : 'findings are'} open after ${run.round} rounds`);
  if (roundChangedNothing(run, phase)) return escalate(step, `round ${run.round} changed nothing`);
  run.round += 1;
  run.rework_phase = phase.findings_to;
  run.phase_index = run.workflow.phases.findIndex(({ name }) => name === phase.findings_to);
  decideThat(
    step,
    'send_back',
    `${open.length} ${isOne ? 'finding' : 'findings'} of ${phase.name} ${isOne ? 'goes' : 'go'} back`,
    {
      findings: open.map(({ id }) => id),
    },
  );
  next(step);
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
