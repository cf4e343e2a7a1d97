import { z } from 'zod';
import { ProjectId, Timestamp } from './ids.ts';

const Share = z
  .object({
    used: z.number(),
    reserved: z.number().describe('What live agents may still use.'),
    max: z.number().nullable().describe('Null: any amount.'),
  })
  .meta({ id: 'ProjectShare' });

/** What the agents of a project use of what it may take. */
export const ProjectBudget = z
  .object({
    level: z
      .enum(['ok', 'low', 'used_up', 'passed'])
      .describe(
        'How far the budget is used. `low`: four fifths of a share are, which is announced; `used_up`: no further agent ' +
          'starts; `passed`: more than 120 % of tokens or cost is used, agents are ended.',
      ),
    hours: z.int().describe('Length of the window that is counted, up to now.'),
    tokens: Share,
    cost_usd: Share,
    spawns: Share,
  })
  .meta({ id: 'ProjectBudget' });
export type ProjectBudget = z.infer<typeof ProjectBudget>;

/** A registered repository. */
export const Project = z
  .object({
    project_id: ProjectId,
    root: z.string().describe('Absolute path of the working tree.'),
    created_at: Timestamp,
    default: z.boolean().describe('Whether the sidecar was started in it.'),
  })
  .meta({ id: 'Project' });
export type Project = z.infer<typeof Project>;
