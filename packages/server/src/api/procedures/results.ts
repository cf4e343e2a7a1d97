import { contract, SidecarError, type Profile } from '@orchestration-sidecar/shared';
import { principalName, type KnownPrincipal } from '../../runtime/principal.ts';
import { implement, type Implementations } from '../implement.ts';
import type { Rooms } from '../rooms.ts';
import { issueMeantBy } from './scope.ts';

export function resultProcedures(rooms: Rooms): Implementations<typeof contract.results> {
  const { profiles, projects, results } = rooms;
  return {
    store: implement(contract.results.store, (input, { principal, correlationId }) => {
      const profile = profiles.require(agentTypeOf(principal, input.agent_type));
      const { issue, project } = issueMeantBy(rooms, principal, input);
      return results.store({
        projectId: project.project_id,
        issueId: issue.issue_id,
        agentId: agentIdOf(principal, input.agent_id),
        profile,
        body: input.result,
        timestamp: input.timestamp,
        idempotencyKey: input.idempotency_key,
        correlationId,
      });
    }),
    get: implement(contract.results.get, ({ id, project_id }, { principal }) =>
      results.require(projects.meantBy(principal, project_id).project_id, id),
    ),
    list: implement(contract.results.list, (input, { principal }) =>
      results.list({
        projectId: projects.meantBy(principal, input.project_id).project_id,
        issueId: input.issue_id,
        agentType: input.agent_type,
        status: input.status,
        sinceMs: input.since === undefined ? undefined : Date.parse(input.since),
        untilMs: input.until === undefined ? undefined : Date.parse(input.until),
        limit: input.limit,
        cursor: input.cursor,
      }),
    ),
  };
}

/** An agent writes as itself only; the operator says as whom. */
function agentTypeOf(principal: KnownPrincipal, agentType: Profile['agent_type'] | undefined): string {
  if (principal.kind === 'agent') {
    if (agentType !== undefined && agentType !== principal.agentType) throw new SidecarError('AGENT_TYPE_FORBIDDEN');
    return principal.agentType;
  }
  if (agentType === undefined) {
    throw new SidecarError('INPUT_INVALID', 'agent_type: the operator says which agent type the result is from');
  }
  return agentType;
}

function agentIdOf(principal: KnownPrincipal, agentId: string | undefined): string {
  if (principal.kind === 'agent' && agentId !== undefined && agentId !== principal.agentId) {
    throw new SidecarError('PUBLISHER_MISMATCH', 'The named agent is not the token’s agent.');
  }
  return agentId ?? principalName(principal);
}
