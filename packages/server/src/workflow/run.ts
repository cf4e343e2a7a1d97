import { z } from 'zod';
import { FindingSeverity, ResultStatus, Workflow, type Phase } from '@orchestration-sidecar/shared';
import type { CallContext } from '../telemetry/call-context.ts';
import { readTraceContext } from '../telemetry/trace-context.ts';

/** What became of a piece of work. `held`: waits for budget; `planned`: its agent is to be started. */
const JobState = z.enum(['held', 'planned', 'working', 'delivered', 'failed']);

/** One piece of work for one agent: an agent type in a phase, a round and an attempt. */
export const Job = z.object({
  /** `<issue>/<phase>/<agent_type>/<round>/<attempt>`: names the spawn, so that it happens once. */
  key: z.string(),
  phase: z.string(),
  agent_type: z.string(),
  round: z.int(),
  attempt: z.int(),
  state: JobState,
  agent_id: z.string().nullable(),
  /** Whether its process runs, as far as the log says. */
  alive: z.boolean(),
  /** Why its process is to be stopped; null: it is not. */
  stop: z.string().nullable(),
  result_id: z.string().nullable(),
  result_status: ResultStatus.nullable(),
  files_changed: z.int(),
  findings_reported: z.int(),
  next_agents: z.array(z.string()),
  /** Event that announced the work where no result did. */
  announced_by: z.string().nullable(),
  verified: z.boolean(),
  failure: z.string().nullable(),
  /** What earlier attempts failed with. */
  facts: z.array(z.string()),
  /** Findings it is to settle. */
  findings: z.array(z.string()),
  /** What its agent may use, set aside before it starts. */
  reserved_tokens: z.int(),
  reserved_usd: z.number().default(0),
  used_tokens: z.number(),
  used_usd: z.number(),
  /** When its agent is stopped for being late. */
  deadline_ms: z.number().nullable(),
  /** When its agent is stopped although it has handed in: its process did not end. */
  linger_until_ms: z.number().nullable(),
  /** When an agent that was to be stopped counts as lost. */
  lost_at_ms: z.number().nullable(),
});
export type Job = z.infer<typeof Job>;

/** A finding and everything that was said about it. */
export const FindingThread = z.object({
  id: z.string(),
  /** Id that its reviewer gave it. */
  reported_as: z.string(),
  phase: z.string(),
  from: z.string(),
  severity: FindingSeverity,
  message: z.string(),
  path: z.string().nullable(),
  suggested_agent: z.string().nullable(),
  result_id: z.string().nullable(),
  state: z.enum(['open', 'addressed', 'rebutted', 'settled']),
  /** Round it was reported in first and last. */
  first_round: z.int(),
  last_round: z.int(),
  answers: z.array(z.object({ round: z.int(), by: z.string(), answer: z.string(), reason: z.string().nullable() })),
});
export type FindingThread = z.infer<typeof FindingThread>;

/** An agent on the issue that the workflow did not start. One that waits for a slot is `alive` too: it is to run. */
const OtherAgent = z.object({
  agent_id: z.string(),
  agent_type: z.string(),
  alive: z.boolean(),
  stop: z.string().nullable(),
  lost_at_ms: z.number().nullable(),
  linger_until_ms: z.number().nullable(),
  reserved_tokens: z.int().default(0),
  reserved_usd: z.number().default(0),
  used_tokens: z.number(),
  used_usd: z.number(),
});
export type OtherAgent = z.infer<typeof OtherAgent>;

/**
 * A workflow resolving one issue: everything the next decision depends on. Committed with each decision, so that a
 * restart goes on from it. The workflow is pinned: a file that changes meanwhile changes no running issue.
 */
export const Run = z.object({
  version: z.literal(1),
  project_id: z.string(),
  issue_id: z.string(),
  title: z.string(),
  correlation_id: z.string().nullable(),
  /** W3C trace context that the issue was created in. */
  traceparent: z.string().nullable().default(null),
  workflow: Workflow,
  languages: z.array(z.string()),
  status: z.enum(['running', 'paused', 'resolved', 'failed', 'cancelled']),
  started_ms: z.number(),
  ended_ms: z.number().nullable(),
  paused_since_ms: z.number().nullable(),
  paused_total_ms: z.number(),
  phase_index: z.int(),
  /** When the agents of the phase were planned; null: they are not, or it is over. */
  phase_started_ms: z.number().nullable().default(null),
  phase_state: z.enum(['waiting', 'working', 'checking']),
  round: z.int(),
  /** Phase that settles findings in this round; null in the first. */
  rework_phase: z.string().nullable(),
  reason: z.string(),
  jobs: z.array(Job),
  others: z.array(OtherAgent),
  findings: z.array(FindingThread),
  findings_left_out: z.int(),
  /** Gate and condition events seen, of those the workflow names: `<event_type>` or `<event_type>/operator`. */
  seen_events: z.array(z.string()),
  /** Number of check runs asked for; names the running one. */
  checks_asked: z.int(),
  /** The tree that was last checked in each round, where that is known. */
  checked_trees: z.array(z.object({ round: z.int(), tree_hash: z.string() })).default([]),
  level: z.enum(['ok', 'warned', 'no_more_agents', 'stopping']),
  /** Why no further agent starts; null: they may. */
  halted: z.string().nullable(),
  /** Whether work was not started for that; the issue then fails as soon as nothing runs. */
  work_refused: z.boolean(),
});
export type Run = z.infer<typeof Run>;

/** In whose name things are done for a run: that of who created the issue. */
export function callOf({
  correlation_id,
  issue_id,
  project_id: projectId,
  traceparent,
}: Run): CallContext & { readonly correlationId: string } {
  return { correlationId: correlation_id ?? `workflow-${issue_id}`, trace: readTraceContext(traceparent), projectId };
}

/** Whether the workflow has come to an end. */
export function isOver(run: Run): boolean {
  return run.status !== 'running' && run.status !== 'paused';
}

/** Whether nothing of the run is left to do: it is over and every agent has ended. */
export function isSettled(run: Run): boolean {
  return isOver(run) && !run.jobs.some((job) => job.alive) && !run.others.some((agent) => agent.alive);
}

/** Whether work is still expected from the job. */
export function isOpen(job: Job): boolean {
  return job.state === 'held' || job.state === 'planned' || job.state === 'working';
}

/** The phase a run is in; undefined when it is over. */
export function currentPhase(run: Run): Phase | undefined {
  return run.workflow.phases[run.phase_index];
}

/** The newest attempt of each agent type in a phase and round. */
export function jobsOf(run: Run, phase: string, round: number): Job[] {
  const newest = new Map<string, Job>();
  for (const job of run.jobs) {
    if (job.phase === phase && job.round === round) newest.set(job.agent_type, job);
  }
  return [...newest.values()];
}

/** Jobs of the phase the run is in. */
export function currentJobs(run: Run): Job[] {
  const phase = currentPhase(run);
  return phase ? jobsOf(run, phase.name, run.round) : [];
}

/** Name of the check run that is awaited. */
export function checkKey(run: Run): string {
  return `${run.issue_id}/${currentPhase(run)?.name ?? ''}/checks/${run.checks_asked}`;
}
