import type { Phase } from '@orchestration-sidecar/shared';
import { exhaustedBudget, reservationFor, spawnsOf } from './allowance.ts';
import { failRun, linger } from './ending.ts';
import { currentPhase, type Job, type Run } from './run.ts';
import { decideThat, say, type Step } from './step.ts';

const MAX_FACT_CHARS = 4000;

/** Work to hand to an agent. */
export interface Assignment {
  readonly agentType: string;
  readonly attempt: number;
  readonly findings: readonly string[];
  readonly facts: readonly string[];
}

/**
 * Plans a piece of work, within the limits: what it may take is reserved now, before anything starts. Answers false
 * when it may not start.
 */
export function plan(step: Step, phase: Phase, assignment: Assignment): boolean {
  const { run, catalogue } = step;
  const { agentType, attempt } = assignment;
  const { max_spawns: maxSpawns } = run.workflow.limits;
  if (spawnsOf(run) >= maxSpawns) halt(step, `the limit of ${maxSpawns} agents is reached`);
  const exhausted = exhaustedBudget(run);
  if (exhausted !== undefined && !isUnderWay(run)) halt(step, `the ${exhausted} of the issue are used up`);
  if (run.halted !== null) {
    run.work_refused = true;
    return false;
  }
  const job: Job = {
    key: [run.issue_id, phase.name, agentType, run.round, attempt].join('/'),
    phase: phase.name,
    agent_type: agentType,
    round: run.round,
    attempt,
    state: exhausted === undefined ? 'planned' : 'held',
    agent_id: null,
    alive: false,
    stop: null,
    result_id: null,
    result_status: null,
    files_changed: 0,
    findings_reported: 0,
    next_agents: [],
    announced_by: null,
    verified: false,
    failure: null,
    facts: [...assignment.facts],
    findings: [...assignment.findings],
    ...reservationFor(agentType, catalogue),
    used_tokens: 0,
    used_usd: 0,
    deadline_ms: null,
    linger_until_ms: null,
    lost_at_ms: null,
  };
  run.jobs.push(job);
  const named = { agent_type: agentType, attempt, idempotency_key: job.key, findings: job.findings };
  if (exhausted === undefined) decideThat(step, 'spawn', `${agentType} is to work on ${phase.name}`, named);
  else decideThat(step, 'hold', `${agentType} waits until ${exhausted} are free`, named);
  return true;
}

function isUnderWay(run: Run): boolean {
  return run.jobs.some((job) => job.alive || job.state === 'planned' || job.state === 'working');
}

/** Lets work start that waited for budget. */
export function releaseHeld(step: Step): void {
  const { run } = step;
  for (const job of run.jobs.filter(({ state }) => state === 'held')) {
    const exhausted = exhaustedBudget(run);
    if (exhausted !== undefined && !isUnderWay(run)) halt(step, `the ${exhausted} of the issue are used up`);
    if (run.halted !== null) {
      job.state = 'failed';
      job.failure = run.halted;
      run.work_refused = true;
    } else if (exhausted === undefined) {
      job.state = 'planned';
      decideThat(step, 'spawn', `there is budget for ${job.agent_type}`, {
        agent_type: job.agent_type,
        attempt: job.attempt,
        idempotency_key: job.key,
        findings: job.findings,
      });
    }
  }
}

/** Starts nothing more. */
export function halt(step: Step, reason: string): void {
  const { run } = step;
  if (run.halted !== null) return;
  run.halted = reason;
  if (run.level !== 'stopping') run.level = 'no_more_agents';
  decideThat(step, 'no_more_agents', reason);
}

/** Takes work as done. */
export function deliver(step: Step, job: Job): void {
  job.state = 'delivered';
  linger(step, job);
}

/** Takes work as failed: it is tried again where that may help, else the phase says what follows. */
export function failWork(
  step: Step,
  job: Job,
  why: string,
  options: { retry: boolean; findings?: readonly string[] },
): void {
  const { run } = step;
  const phase = currentPhase(run);
  if (!phase) return;
  job.state = 'failed';
  job.failure = why.slice(0, MAX_FACT_CHARS);
  linger(step, job);
  const named = { agent_type: job.agent_type, attempt: job.attempt, agent_id: job.agent_id };
  if (options.retry && job.attempt < phase.max_attempts) {
    decideThat(step, 'retry', `${job.agent_type} is tried again: ${job.failure}`, named);
    const facts = [...job.facts, job.failure];
    const findings = options.findings ?? job.findings;
    plan(step, phase, { agentType: job.agent_type, attempt: job.attempt + 1, findings, facts });
  } else if (phase.on_failure === 'continue') {
    decideThat(step, 'continue_without', `${phase.name} goes on without ${job.agent_type}: ${job.failure}`, named);
  } else {
    say(step, 'agent_escalated', { ...named, facts: job.facts, reason: `${job.agent_type} failed: ${job.failure}` });
    failRun(step, `${job.agent_type} failed in ${phase.name}: ${job.failure}`);
  }
}

/** The job of an agent, newest first. */
export function jobOfAgent(run: Run, agentId: string, key: string | null): Job | undefined {
  return run.jobs.findLast((job) => job.agent_id === agentId) ?? run.jobs.find((job) => job.key === key);
}
