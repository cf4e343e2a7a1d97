import { z } from 'zod';
import { IssueId, ProjectId } from '../ids.ts';
import { Issue, IssueStatus } from '../issue.ts';
import { JsonRecord, text } from '../json.ts';
import { Limit, PageCursor } from '../page.ts';
import { procedure } from '../procedure.ts';

/** Issues: the units of work. */
export const issues = {
  create: procedure({
    name: 'issues.create',
    kind: 'mutation',
    summary: 'Creates an issue and, when a workflow is named, starts resolving it.',
    input: z.strictObject({
      issue_id: IssueId.optional().describe('Default: made by the sidecar.'),
      project_id: ProjectId.optional(),
      title: text(500).min(1),
      body: text(262_144).default(''),
      workflow: z.string().min(1).max(64).nullish().describe('Workflow that resolves it; none: driven by hand.'),
    }),
    output: Issue,
    access: 'spawn_agents',
    rest: { method: 'POST', path: '/api/issues' },
    errors: ['ISSUE_EXISTS', 'PROJECT_NOT_FOUND', 'PROJECT_REQUIRED', 'WORKFLOW_NOT_FOUND', 'DISK_QUOTA_EXCEEDED'],
    growth: 'large',
  }),
  get: procedure({
    name: 'issues.get',
    kind: 'query',
    summary: 'Answers one issue with the state of its workflow.',
    input: z.strictObject({ issue_id: IssueId, project_id: ProjectId.optional() }),
    output: Issue,
    access: 'authenticated',
    rest: { method: 'GET', path: '/api/issues/:issue_id' },
    errors: ['ISSUE_NOT_FOUND'],
  }),
  list: procedure({
    name: 'issues.list',
    kind: 'query',
    summary: 'Lists issues, newest first.',
    input: z.strictObject({
      project_id: ProjectId.optional(),
      status: IssueStatus.optional(),
      limit: Limit,
      cursor: PageCursor,
    }),
    output: z.object({ issues: z.array(Issue), next_cursor: z.string().nullable() }),
    access: 'authenticated',
    rest: { method: 'GET', path: '/api/issues' },
    errors: [],
  }),
  outcome: procedure({
    name: 'issues.outcome',
    kind: 'query',
    summary: 'Answers what came of an issue: the aggregated result for whoever orchestrates, as far as there is one.',
    input: z.strictObject({ issue_id: IssueId, project_id: ProjectId.optional() }),
    output: z.object({
      issue: Issue,
      outcome: JsonRecord.nullable().describe(
        'Results by agent, files, decisions and counts; null: no workflow drove it.',
      ),
    }),
    access: 'authenticated',
    rest: { method: 'GET', path: '/api/issues/:issue_id/outcome' },
    errors: ['ISSUE_NOT_FOUND'],
  }),
  cancel: procedure({
    name: 'issues.cancel',
    kind: 'mutation',
    summary: 'Cancels an issue and stops its agents; cancelling a cancelled one changes nothing.',
    input: z.strictObject({
      issue_id: IssueId,
      project_id: ProjectId.optional(),
      reason: text(2000).default('cancelled on request'),
    }),
    output: Issue,
    access: 'spawn_agents',
    rest: { method: 'POST', path: '/api/issues/:issue_id/cancel' },
    errors: ['ISSUE_NOT_FOUND', 'ISSUE_ENDED'],
  }),
  pause: procedure({
    name: 'issues.pause',
    kind: 'mutation',
    summary: 'Lets no further agent of a running issue start; agents that run go on.',
    input: z.strictObject({
      issue_id: IssueId,
      project_id: ProjectId.optional(),
      reason: text(2000).default('paused on request'),
    }),
    output: Issue,
    access: 'spawn_agents',
    rest: { method: 'POST', path: '/api/issues/:issue_id/pause' },
    errors: ['ISSUE_NOT_FOUND', 'ISSUE_ENDED'],
  }),
  resume: procedure({
    name: 'issues.resume',
    kind: 'mutation',
    summary: 'Lets a paused issue go on.',
    input: z.strictObject({
      issue_id: IssueId,
      project_id: ProjectId.optional(),
      reason: text(2000).default('resumed on request'),
    }),
    output: Issue,
    access: 'spawn_agents',
    rest: { method: 'POST', path: '/api/issues/:issue_id/resume' },
    errors: ['ISSUE_NOT_FOUND', 'ISSUE_ENDED'],
  }),
} as const;
