import { threadOf } from './findings.ts';
import type { Usage } from './input.ts';
import { isOpen, type Job, type OtherAgent } from './run.ts';
import { leavePhase, say, type Step } from './step.ts';

/** How long an agent may go on running after its work was taken. */
const LINGER_MS = 120_000;
/** How long stopping an agent may take before it counts as lost. */
const STOP_WITHIN_MS = 60_000;

/** Gives an agent whose work is over time to end by itself. */
export function linger(step: Step, agent: Job | OtherAgent): void {
  if (agent.alive) agent.linger_until_ms ??= step.nowMs + LINGER_MS;
}

/** Has an agent stopped. */
export function stop(step: Step, agent: Job | OtherAgent, reason: string): void {
  if (!agent.alive || agent.stop !== null) return;
  agent.stop = reason;
  agent.lost_at_ms = step.nowMs + STOP_WITHIN_MS;
}

/** Notes that an agent has ended and what it used. */
export function noteEnd(agent: Job | OtherAgent, usage: Usage): void {
  agent.alive = false;
  if (usage.tokens > 0) agent.used_tokens = usage.tokens;
  if (usage.usd > 0) agent.used_usd = usage.usd;
}

/** Ends the run without success; agents are stopped at once. */
export function failRun(step: Step, reason: string): void {
  const { run } = step;
  endRun(step, 'failed', reason);
  say(step, 'issue_failed', { findings: threadOf(run), findings_left_out: run.findings_left_out, reason }, true);
}

/**
 * Ends the run. Agents at work are stopped, those that have handed in may end by themselves; a cancelled issue stops
 * them all.
 */
export function endRun(step: Step, status: 'resolved' | 'failed' | 'cancelled', reason: string): void {
  const { run } = step;
  leavePhase(step, status);
  run.status = status;
  run.ended_ms = step.nowMs;
  run.reason = reason;
  for (const job of run.jobs) {
    const atWork = isOpen(job);
    if (atWork) {
      job.state = 'failed';
      job.failure = reason;
    }
    if (atWork || status === 'cancelled') stop(step, job, reason);
    else linger(step, job);
  }
  for (const other of run.others) {
    if (status === 'resolved') linger(step, other);
    else stop(step, other, reason);
  }
}
