import { z } from 'zod';
import { ProjectId } from '../ids.ts';
import { text } from '../json.ts';
import { procedure } from '../procedure.ts';
import { Project, ProjectBudget } from '../project.ts';

/** Projects: the repositories that agents work on. */
export const projects = {
  add: procedure({
    name: 'projects.add',
    kind: 'mutation',
    summary: 'Registers a repository; registering the same root again answers the same project.',
    input: z.strictObject({
      root: text(4096).min(1).describe('Absolute path of an existing directory.'),
      project_id: ProjectId.optional().describe('Default: made from the directory’s name.'),
    }),
    output: Project,
    access: 'operator',
    rest: { method: 'POST', path: '/api/projects' },
    errors: ['PROJECT_ROOT_INVALID', 'PROJECT_EXISTS'],
  }),
  list: procedure({
    name: 'projects.list',
    kind: 'query',
    summary: 'Lists the projects that the token can see.',
    input: z.strictObject({}),
    output: z.object({ projects: z.array(Project), next_cursor: z.string().nullable() }),
    access: 'authenticated',
    rest: { method: 'GET', path: '/api/projects' },
    errors: [],
  }),
  budget: procedure({
    name: 'projects.budget',
    kind: 'query',
    summary: 'Answers what the agents of a project use of what it may take in any 24 hours.',
    input: z.strictObject({ project_id: ProjectId }),
    output: ProjectBudget,
    access: 'authenticated',
    rest: { method: 'GET', path: '/api/projects/:project_id/budget' },
    errors: ['PROJECT_NOT_FOUND', 'PROJECT_FORBIDDEN'],
  }),
} as const;
