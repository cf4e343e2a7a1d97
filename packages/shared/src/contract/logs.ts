import { z } from 'zod';
import { AgentOutputLine } from '../agent.ts';
import { AgentId, AgentType, IssueId, ProjectId } from '../ids.ts';
import { LogLevel } from '../log-level.ts';
import { Limit, Wait } from '../page.ts';
import { procedure } from '../procedure.ts';

const LogCursor = z
  .string()
  .max(36)
  .regex(/^\d{1,20}\.\d{1,15}$/)
  .describe('Position in the output of all agents.')
  .meta({ examples: ['3.4711'] });

/** What agents wrote, and how much the sidecar logs. */
export const logs = {
  read: procedure({
    name: 'logs.read',
    kind: 'query',
    summary: 'Reads what agents wrote, all of them in one, from a position on or its end; with `wait`, follows it.',
    input: z.strictObject({
      project_id: ProjectId.optional().describe('Default: every project that the token can see.'),
      issue_id: IssueId.optional(),
      agent_id: AgentId.optional(),
      agent_type: AgentType.optional(),
      stream: z.enum(['stdout', 'stderr']).optional(),
      cursor: LogCursor.optional().describe('`next_cursor` of the page before.'),
      tail: z
        .int()
        .min(0)
        .max(1000)
        .optional()
        .describe('Without a cursor: so many lines before the end. Neither: from the oldest line that is kept.'),
      limit: Limit,
      wait: Wait,
    }),
    output: z.object({
      lines: z.array(AgentOutputLine),
      next_cursor: LogCursor.describe('Where the next page begins.'),
      at_end: z.boolean().describe('Whether everything that was written by then has been read.'),
      left_out: z.int().describe('Lines that were never written, since agents flooded or the disk refused.'),
      gap: z.boolean().describe('Whether lines after the cursor are not kept any more.'),
    }),
    access: 'authenticated',
    rest: { method: 'GET', path: '/api/logs' },
    errors: ['PROJECT_NOT_FOUND', 'PROJECT_FORBIDDEN'],
    load: 'waits',
  }),
  level: procedure({
    name: 'logs.level',
    kind: 'mutation',
    summary: 'Changes how much is logged, until it is changed again or the sidecar starts anew.',
    input: z.strictObject({ level: LogLevel }),
    output: z.object({ level: LogLevel, previous: LogLevel }),
    access: 'operator',
    rest: { method: 'POST', path: '/api/logs/level' },
    errors: [],
  }),
} as const;
