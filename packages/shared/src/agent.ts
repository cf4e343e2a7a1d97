import { z } from 'zod';
import { AgentId, AgentType, IssueId, ProjectId, Timestamp } from './ids.ts';
import { Permission } from './permission.ts';

/**
 * State of an agent’s process, from the operating system (DECISIONS 24). `external` agents have a token but no
 * process of ours.
 */
export const AgentState = z
  .enum(['queued', 'starting', 'running', 'stopping', 'exited', 'failed', 'stopped', 'external'])
  .meta({ id: 'AgentState', description: 'State of the process.' });
export type AgentState = z.infer<typeof AgentState>;

/** States of an agent that runs or is still to run. */
export const LIVE_AGENT_STATES: readonly AgentState[] = ['queued', 'starting', 'running', 'stopping'];

/** States in which an agent holds a slot: it has a process, or is about to get one. */
export const SLOT_AGENT_STATES: readonly AgentState[] = ['starting', 'running', 'stopping'];

/** What an agent claims to have done, and whether the sidecar’s own checks confirmed it. */
export const AgentOutcome = z
  .enum(['unknown', 'claimed', 'verified', 'failed'])
  .meta({ id: 'AgentOutcome', description: 'Outcome: `claimed` by the agent, `verified` by checks of the sidecar.' });
export type AgentOutcome = z.infer<typeof AgentOutcome>;

/** What an agent is doing as far as the sidecar can see. */
export const AgentActivity = z
  .object({
    kind: z.enum(['none', 'working', 'waiting', 'silent']),
    cause: z.string().describe('What the activity was read from.'),
    since: Timestamp.nullable(),
  })
  .meta({ id: 'AgentActivity' });
export type AgentActivity = z.infer<typeof AgentActivity>;

/** What an agent used, as far as it reported it; `null` is unknown. */
export const AgentUsage = z
  .object({
    input_tokens: z.int().nullable(),
    output_tokens: z.int().nullable(),
    cost_usd: z.number().nullable(),
    turns: z.int().nullable(),
  })
  .meta({ id: 'AgentUsage' });
export type AgentUsage = z.infer<typeof AgentUsage>;

/** How a process ended. */
export const AgentExit = z
  .object({ code: z.int().nullable(), signal: z.string().nullable(), reason: z.string() })
  .meta({ id: 'AgentExit' });
export type AgentExit = z.infer<typeof AgentExit>;

/** One agent. */
export const Agent = z
  .object({
    agent_id: AgentId,
    agent_type: AgentType,
    issue_id: IssueId.nullable(),
    project_id: ProjectId,
    parent_id: AgentId.nullable().describe('Agent that spawned this one.'),
    task: z.string(),
    launcher: z.string().nullable(),
    state: AgentState,
    activity: AgentActivity,
    outcome: AgentOutcome,
    process_id: z.int().nullable(),
    attempt: z.int().min(1),
    usage: AgentUsage,
    exit: AgentExit.nullable(),
    permissions: z.array(Permission),
    created_at: Timestamp,
    started_at: Timestamp.nullable(),
    ended_at: Timestamp.nullable(),
  })
  .meta({ id: 'Agent' });
export type Agent = z.infer<typeof Agent>;

/** Where a queued agent stands. */
export const QueuePlace = z
  .object({
    position: z.int().min(1).describe('Place in the order in which queued agents would start; 1 is next.'),
    length: z.int().min(1).describe('Agents that are queued, this one included.'),
    waits_for: z
      .enum(['slot', 'project', 'type', 'retry'])
      .describe(
        '`slot`: all slots are taken; `project`, `type`: those of its project or agent type are; `retry`: the pause ' +
          'before its next attempt.',
      ),
  })
  .meta({ id: 'QueuePlace' });
export type QueuePlace = z.infer<typeof QueuePlace>;

/** One failed attempt of an agent. */
export const AttemptFailure = z
  .object({
    attempt: z.int().min(1),
    reason: z.string().describe('Kind of failure, e.g. `exit_code`, `wall_time`, `rate_limited`.'),
    detail: z.string(),
    at: Timestamp,
  })
  .meta({ id: 'AttemptFailure' });
export type AttemptFailure = z.infer<typeof AttemptFailure>;

/** A limit of an agent and what holds it to it. */
export const LimitInForce = z
  .object({
    name: z.string().describe('e.g. `wall_seconds`, `memory_mb`.'),
    limit: z.number(),
    enforced_by: z
      .array(z.enum(['cgroup', 'rlimit', 'watch']))
      .describe('`cgroup`, `rlimit`: the kernel; `watch`: the sidecar, which looks and stops; empty: nothing can.'),
  })
  .meta({ id: 'LimitInForce' });
export type LimitInForce = z.infer<typeof LimitInForce>;

/** One agent in full: what a list shows of it, and what only the status tells. */
export const AgentStatus = z
  .object({
    ...Agent.shape,
    model_tier: z.string().describe('Model tier of the current attempt.'),
    queue: QueuePlace.nullable().describe('Its place in the queue; null: it is not queued.'),
    failures: z.array(AttemptFailure).describe('Attempts that failed, oldest first.'),
    limits: z.array(LimitInForce).describe('Limits in force; empty while it has no process.'),
    resources: z
      .object({ processes: z.int(), memory_bytes: z.int(), cpu_ms: z.int() })
      .nullable()
      .describe('What its process tree used at the last look; null before the first and after the end.'),
    log_tail: z.array(z.string()).describe('Last lines of the agent’s output.'),
  })
  .meta({ id: 'AgentStatus' });
export type AgentStatus = z.infer<typeof AgentStatus>;

/** What starting an agent would come to, without starting it. */
export const SpawnForecast = z
  .object({
    would: z.enum(['start', 'queue', 'refuse']).describe('What a spawn would do now.'),
    queue: QueuePlace.nullable().describe('The place it would get; null: it would not be queued.'),
    problems: z
      .array(z.object({ code: z.string(), detail: z.string(), retryable: z.boolean() }))
      .describe('Why it would be refused; empty otherwise.'),
    limits: z
      .array(z.object({ name: z.string(), used: z.int(), limit: z.int() }))
      .describe('Every bound of admission and how much of it is used.'),
    freed_by: z
      .array(
        z.object({ agent_id: AgentId, agent_type: AgentType, state: AgentState, started_at: Timestamp.nullable() }),
      )
      .describe('Agents of this project any of whose ends would free the slot that is missing, longest running first.'),
  })
  .meta({ id: 'SpawnForecast' });
export type SpawnForecast = z.infer<typeof SpawnForecast>;

/** One line of the output of all agents. */
export const AgentOutputLine = z
  .object({
    at: Timestamp.describe('When the sidecar read it.'),
    project_id: ProjectId,
    agent_id: AgentId,
    agent_type: AgentType,
    issue_id: IssueId.nullable(),
    attempt: z.int(),
    stream: z.enum(['stdout', 'stderr']),
    text: z.string().describe('Tokens and private keys are blotted out; what is beyond 4,096 characters is cut off.'),
  })
  .meta({ id: 'AgentOutputLine' });
export type AgentOutputLine = z.infer<typeof AgentOutputLine>;

/** One line of an agent’s output. */
export const AgentLogLine = z
  .object({
    byte: z.int().min(0).describe('Where the line begins in the stream.'),
    at: Timestamp.nullable().describe('When the sidecar read it; null: it has not yet, or could not note it.'),
    text: z.string().describe('Tokens and private keys are blotted out.'),
    cut: z.boolean().describe('Whether the line goes on in the next entry: it is longer than 64 KiB.'),
  })
  .meta({ id: 'AgentLogLine' });
export type AgentLogLine = z.infer<typeof AgentLogLine>;
