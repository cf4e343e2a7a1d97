import { z } from 'zod';
import { AgentType, IssueId, ProjectId, Timestamp } from './ids.ts';

/** Where an issue stands. `open` issues have no workflow running. */
export const IssueStatus = z
  .enum(['open', 'running', 'paused', 'resolved', 'failed', 'cancelled'])
  .meta({ id: 'IssueStatus', description: 'Where the issue stands.' });
export type IssueStatus = z.infer<typeof IssueStatus>;

const Allowance = z
  .object({ used: z.number(), max: z.number().nullable().describe('Null: any amount.') })
  .meta({ id: 'Allowance' });

/** What an issue has used of what it may take, and what follows from it. */
export const IssueLimits = z
  .object({
    level: z
      .enum(['ok', 'warned', 'no_more_agents', 'stopping'])
      .describe('`warned`: past 80 % of a limit; `no_more_agents`: at it; `stopping`: agents are being stopped.'),
    spawns: Allowance,
    rounds: Allowance,
    wall_seconds: Allowance.describe('Without pauses; as of the last step of the workflow.'),
    tokens: Allowance,
    cost_usd: Allowance,
  })
  .meta({ id: 'IssueLimits' });
export type IssueLimits = z.infer<typeof IssueLimits>;

/** Where a running workflow stands. */
export const IssueProgress = z
  .object({
    workflow: z.string(),
    phase: z.string().nullable().describe('Phase that runs now.'),
    round: z.int().min(1),
    reason: z.string().describe('Why the workflow stands where it stands.'),
    waiting_for: z.array(AgentType).describe('Agent types whose work is awaited.'),
    open_findings: z.int().min(0).optional().describe('Findings that nobody has settled yet.'),
    limits: IssueLimits.optional(),
  })
  .meta({ id: 'IssueProgress' });
export type IssueProgress = z.infer<typeof IssueProgress>;

/** Unit of work. */
export const Issue = z
  .object({
    issue_id: IssueId,
    project_id: ProjectId,
    title: z.string(),
    body: z.string(),
    status: IssueStatus,
    workflow: z.string().nullable().describe('Workflow that resolves it; null: driven by hand.'),
    progress: IssueProgress.nullable(),
    created_at: Timestamp,
    updated_at: Timestamp,
  })
  .meta({ id: 'Issue' });
export type Issue = z.infer<typeof Issue>;
