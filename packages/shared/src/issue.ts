import { z } from 'zod';
import { AgentType, IssueId, ProjectId, Timestamp } from './ids.ts';

/** Where an issue stands. `open` issues have no workflow running. */
export const IssueStatus = z
  .enum(['open', 'running', 'resolved', 'failed', 'cancelled'])
  .describe('Where the issue stands.');
export type IssueStatus = z.infer<typeof IssueStatus>;

/** Where a running workflow stands. */
export const IssueProgress = z.object({
  workflow: z.string(),
  phase: z.string().nullable().describe('Phase that runs now.'),
  round: z.int().min(1),
  reason: z.string().describe('Why the workflow stands where it stands.'),
  waiting_for: z.array(AgentType).describe('Agent types whose work is awaited.'),
});
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
