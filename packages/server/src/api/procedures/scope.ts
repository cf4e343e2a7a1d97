import { SidecarError, type Issue, type Project } from '@orchestration-sidecar/shared';
import { holds, type KnownPrincipal } from '../../runtime/principal.ts';
import type { Rooms } from '../rooms.ts';

/**
 * The issue a caller means and its project. The operator may leave the project out as long as the id is unique.
 * @throws {SidecarError} `ISSUE_NOT_FOUND`, also for an id that exists in another project only; `PROJECT_REQUIRED`,
 * `PROJECT_FORBIDDEN`, `PROJECT_NOT_FOUND`.
 */
export function issueMeantBy(
  rooms: Pick<Rooms, 'projects' | 'issues'>,
  principal: KnownPrincipal,
  target: { readonly issue_id: string; readonly project_id?: string | undefined },
): { issue: Issue; project: Project } {
  const project = rooms.projects.meantBy(
    principal,
    target.project_id ?? uniqueProject(rooms, principal, target.issue_id),
  );
  return { issue: rooms.issues.require(project.project_id, target.issue_id), project };
}

/**
 * Checks that a caller may read as an agent type (DECISIONS 19).
 * @throws {SidecarError} `AGENT_TYPE_FORBIDDEN`.
 */
export function mustReadAs(principal: KnownPrincipal, agentType: string): void {
  if (principal.kind === 'operator' || principal.agentType === agentType || holds(principal, 'spawn_agents')) return;
  throw new SidecarError('AGENT_TYPE_FORBIDDEN', `A token of ${principal.agentType} does not read as ${agentType}.`);
}

function uniqueProject(rooms: Pick<Rooms, 'issues'>, principal: KnownPrincipal, issueId: string): string | undefined {
  if (principal.kind === 'agent') return undefined;
  const found = rooms.issues.projectsOf(issueId);
  if (found.length > 1) throw new SidecarError('PROJECT_REQUIRED');
  if (found.length === 0) throw new SidecarError('ISSUE_NOT_FOUND', `There is no issue ${issueId}.`);
  return found[0];
}
