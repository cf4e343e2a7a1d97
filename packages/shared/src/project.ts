import { z } from 'zod';
import { ProjectId, Timestamp } from './ids.ts';

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
