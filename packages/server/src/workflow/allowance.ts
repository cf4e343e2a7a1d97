import type { IssueLimits } from '@orchestration-sidecar/shared';
import type { Catalogue } from './choose.ts';
import { isOpen, isOver, type Job, type OtherAgent, type Run } from './run.ts';

/** From here on a limit is warned of. */
const WARN_FRACTION = 0.8;
/** Agents are stopped when they have used this much of a budget: what runs at its end may finish first. */
const STOP_FRACTION = 1.2;

/** Less than this is nothing: sums of fractions are not exact. */
const LEAST_USD = 1e-6;

/** Milliseconds the run has taken, pauses left out. */
export function elapsedMs(run: Run, nowMs: number): number {
  const until = run.paused_since_ms ?? run.ended_ms ?? nowMs;
  return Math.max(0, until - run.started_ms - run.paused_total_ms);
}

/** Agents the issue has started or is about to start. */
export function spawnsOf(run: Run): number {
  return run.jobs.length + run.others.length;
}

function used(run: Run): { tokens: number; usd: number } {
  const all = [...run.jobs, ...run.others];
  return {
    tokens: all.reduce((sum, agent) => sum + agent.used_tokens, 0),
    usd: all.reduce((sum, agent) => sum + agent.used_usd, 0),
  };
}

/** Whether little is left of the tokens or the money of the issue. */
export function isBudgetLow(run: Run): boolean {
  const { max_tokens: maxTokens, max_cost_usd: maxUsd } = run.workflow.limits;
  const { tokens, usd } = used(run);
  return tokens >= (maxTokens ?? Infinity) * WARN_FRACTION || usd >= (maxUsd ?? Infinity) * WARN_FRACTION;
}

/** What an agent may use, set aside before it starts. */
export type Reservation = Pick<Job, 'reserved_tokens' | 'reserved_usd'>;

/** What to set aside for an agent: all that its profile allows it; nothing where that is any amount. */
export function reservationFor(agentType: string, catalogue: Catalogue): Reservation {
  const limits = catalogue.get(agentType)?.limits;
  return { reserved_tokens: limits?.tokens ?? 0, reserved_usd: limits?.cost_usd ?? 0 };
}

/**
 * The budget of which nothing is left that is neither used nor reserved by work under way; undefined: there is some of
 * each. Each agent reserves all that it may use, so that what is used passes a budget by one agent’s limit at most.
 * @param starting agents that the run does not know of yet.
 */
export function exhaustedBudget(run: Run, starting: Iterable<Reservation> = []): 'tokens' | 'US dollars' | undefined {
  const { max_tokens: maxTokens, max_cost_usd: maxUsd } = run.workflow.limits;
  let { tokens, usd } = used(run);
  for (const { reserved_tokens: reservedTokens, reserved_usd: reservedUsd } of starting) {
    tokens += reservedTokens;
    usd += reservedUsd;
  }
  const planned = run.jobs.filter((job) => !job.alive && isOpen(job) && job.state !== 'held');
  for (const agent of [...planned, ...run.jobs.filter(isAlive), ...run.others.filter(isAlive)]) {
    tokens += Math.max(0, agent.reserved_tokens - agent.used_tokens);
    usd += Math.max(0, agent.reserved_usd - agent.used_usd);
  }
  if (maxTokens !== null && tokens >= maxTokens) return 'tokens';
  return maxUsd !== null && usd >= maxUsd - LEAST_USD ? 'US dollars' : undefined;
}

function isAlive({ alive }: Job | OtherAgent): boolean {
  return alive;
}

/** What has been used of what there is. */
export function limitsOf(run: Run, nowMs: number): IssueLimits {
  const { limits } = run.workflow;
  const { tokens, usd } = used(run);
  return {
    level: run.level,
    spawns: { used: spawnsOf(run), max: limits.max_spawns },
    rounds: { used: run.round, max: limits.max_rounds },
    wall_seconds: { used: Math.floor(elapsedMs(run, nowMs) / 1000), max: limits.max_wall_seconds },
    tokens: { used: tokens, max: limits.max_tokens },
    cost_usd: { used: usd, max: limits.max_cost_usd },
  };
}

/** How far the run has gone towards its limits, and which one is the closest. */
export function levelOf(run: Run, nowMs: number): { readonly level: Run['level']; readonly reason: string } {
  const { limits } = run.workflow;
  const { tokens, usd } = used(run);
  const seconds = elapsedMs(run, nowMs) / 1000;
  const budgets = [
    { what: 'spawns', used: spawnsOf(run), max: limits.max_spawns, stopAt: Infinity, fullAt: Infinity },
    {
      what: 'seconds',
      used: seconds,
      max: limits.max_wall_seconds,
      fullAt: limits.max_wall_seconds,
      stopAt: limits.max_wall_seconds + limits.grace_seconds,
    },
    ...[
      { what: 'tokens', used: tokens, max: limits.max_tokens },
      { what: 'US dollars', used: usd, max: limits.max_cost_usd },
    ].flatMap(({ max, ...budget }) =>
      max === null ? [] : [{ ...budget, max, fullAt: max, stopAt: max * STOP_FRACTION }],
    ),
  ];
  const say = ({ what, used: now, max }: (typeof budgets)[number]): string => `${Math.floor(now)} of ${max} ${what}`;
  const stopping = budgets.find((budget) => budget.used >= budget.stopAt);
  if (stopping) return { level: 'stopping', reason: say(stopping) };
  // Spawns run out when one more is wanted, not when the last has been started.
  const full = budgets.find((budget) => budget.used >= budget.fullAt);
  if (full) return { level: 'no_more_agents', reason: say(full) };
  const near = budgets.find((budget) => budget.used >= budget.max * WARN_FRACTION);
  return near ? { level: 'warned', reason: say(near) } : { level: 'ok', reason: '' };
}

/** When the run has to be looked at again although nothing happens; null: never. */
export function nextDeadlineMs(run: Run): number | null {
  const deadlines: number[] = [];
  if (run.status === 'running') {
    const { max_wall_seconds: wall, grace_seconds: grace } = run.workflow.limits;
    const base = run.started_ms + run.paused_total_ms;
    if (run.level === 'ok') deadlines.push(base + Math.ceil(wall * 1000 * WARN_FRACTION));
    if (run.level === 'ok' || run.level === 'warned') deadlines.push(base + wall * 1000);
    if (run.level !== 'stopping') deadlines.push(base + (wall + grace) * 1000);
  }
  for (const job of run.jobs) {
    if (!job.alive) continue;
    if (job.lost_at_ms !== null) deadlines.push(job.lost_at_ms);
    else {
      if (job.linger_until_ms !== null) deadlines.push(job.linger_until_ms);
      if (job.state === 'working' && !isOver(run) && job.deadline_ms !== null) deadlines.push(job.deadline_ms);
    }
  }
  for (const agent of run.others) {
    const deadline = agent.alive ? (agent.lost_at_ms ?? agent.linger_until_ms) : null;
    if (deadline !== null) deadlines.push(deadline);
  }
  return deadlines.length > 0 ? Math.min(...deadlines) : null;
}
