import { contract } from '@orchestration-sidecar/shared';
import { implement, type Implementations } from '../implement.ts';
import type { Rooms } from '../rooms.ts';

export function projectProcedures({ agents, projects }: Rooms): Implementations<typeof contract.projects> {
  return {
    add: implement(contract.projects.add, ({ root, project_id }) => projects.add(root, project_id)),
    list: implement(contract.projects.list, (_input, { principal }) => ({
      projects: projects.visibleTo(principal),
      next_cursor: null,
    })),
    budget: implement(contract.projects.budget, ({ project_id }, { principal }) =>
      agents.budget(projects.meantBy(principal, project_id).project_id),
    ),
  };
}
