import { contract, SidecarError, type Issue } from '@orchestration-sidecar/shared';
import type { IssueTurn } from '../../issues/index.ts';
import type { KnownPrincipal } from '../../runtime/principal.ts';
import { implement, type Call, type Implementations } from '../implement.ts';
import type { Rooms } from '../rooms.ts';
import { issueMeantBy } from './scope.ts';

export function issueProcedures(rooms: Rooms): Implementations<typeof contract.issues> {
  const { agents, issues, profiles, projects, workflow } = rooms;

  type Target = { readonly issue_id: string; readonly project_id?: string | undefined; readonly reason: string };
  const turning =
    (to: IssueTurn) =>
    async (input: Target, { principal, correlationId }: Call<KnownPrincipal>): Promise<Issue> => {
      const { issue, project } = issueMeantBy(rooms, principal, input);
      const turned = await issues.turn(project.project_id, issue.issue_id, to, input.reason, correlationId);
      // No workflow stops them, so it is done here.
      if (to === 'cancel' && issue.workflow === null) {
        await agents.stopAll({ projectId: project.project_id, issueId: issue.issue_id }, input.reason);
      }
      return turned;
    };

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
    outcome: implement(contract.issues.outcome, (input, { principal }) => {
      const { issue, project } = issueMeantBy(rooms, principal, input);
      return { issue, outcome: workflow.outcome(project.project_id, issue.issue_id) ?? null };
    }),
    cancel: implement(contract.issues.cancel, turning('cancel')),
    pause: implement(contract.issues.pause, turning('pause')),
    resume: implement(contract.issues.resume, turning('resume')),
  };
}
