import { contract, SidecarError } from '@orchestration-sidecar/shared';
import { implement, type Implementations } from '../implement.ts';
import type { Rooms } from '../rooms.ts';
import { issueMeantBy } from './scope.ts';

export function issueProcedures(rooms: Rooms): Implementations<typeof contract.issues> {
  const { issues, profiles, projects } = rooms;
  return {
    create: implement(contract.issues.create, (input, { principal, correlationId }) => {
      const { project_id: projectId } = projects.meantBy(principal, input.project_id);
      const workflow = input.workflow ?? null;
      if (workflow !== null && !profiles.workflow(workflow)) {
        throw new SidecarError('WORKFLOW_NOT_FOUND', `There is no workflow ${workflow}.`);
      }
      const { issue_id: issueId, title, body } = input;
      return issues.create({ projectId, issueId, title, body, workflow, correlationId });
    }),
    get: implement(contract.issues.get, (input, { principal }) => issueMeantBy(rooms, principal, input).issue),
    list: implement(contract.issues.list, ({ project_id, ...page }, { principal }) =>
      issues.list({ ...page, projectId: projects.meantBy(principal, project_id).project_id }),
    ),
  };
}
