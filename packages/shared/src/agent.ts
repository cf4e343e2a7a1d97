import { z } from 'zod';
import { AgentId, AgentType, IssueId, ProjectId, Timestamp } from './ids.ts';
import { Permission } from './permission.ts';

/**
 * State of an agent’s process, from the operating system (DECISIONS 24). `external` agents have a token but no
 * process of ours.
 */
export const AgentState = z
  .enum(['queued', 'starting', 'running', 'stopping', 'exited', 'failed', 'stopped', 'external'])
  .describe('State of the process.');
export type AgentState = z.infer<typeof AgentState>;

/** States in which an agent holds a slot. */
export const LIVE_AGENT_STATES: readonly AgentState[] = ['queued', 'starting', 'running', 'stopping'];

/** What an agent claims to have done, and whether the sidecar’s own checks confirmed it. */
export const AgentOutcome = z
  .enum(['unknown', 'claimed', 'verified', 'failed'])
  .describe('Outcome: `claimed` by the agent, `verified` by checks of the sidecar.');
export type AgentOutcome = z.infer<typeof AgentOutcome>;

/** What an agent is doing as far as the sidecar can see. */
export const AgentActivity = z.object({
  kind: z.enum(['none', 'working', 'waiting', 'silent']),
  cause: z.string().describe('What the activity was read from.'),
  since: Timestamp.nullable(),
});
export type AgentActivity = z.infer<typeof AgentActivity>;

/** What an agent used, as far as it reported it; `null` is unknown. */
export const AgentUsage = z.object({
  input_tokens: z.int().nullable(),
  output_tokens: z.int().nullable(),
  cost_usd: z.number().nullable(),
  turns: z.int().nullable(),
});
export type AgentUsage = z.infer<typeof AgentUsage>;

/** How a process ended. */
export const AgentExit = z.object({ code: z.int().nullable(), signal: z.string().nullable(), reason: z.string() });
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
