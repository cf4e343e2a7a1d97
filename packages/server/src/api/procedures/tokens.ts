import { contract, SidecarError } from '@orchestration-sidecar/shared';
import type { IssuedToken, TokenSubject } from '../../broker/tokens.ts';
import { isoTime } from '../../runtime/clock.ts';
import { implement, type Implementations } from '../implement.ts';
import type { Rooms } from '../rooms.ts';

export function tokenProcedures({
  agents,
  profiles,
  projects,
  tokens,
}: Rooms): Implementations<typeof contract.tokens> {
  return {
    create: implement(contract.tokens.create, async ({ agent_type, project_id }, { principal }) => {
      const project = projects.meantBy(principal, project_id);
      const profile = profiles.require(agent_type);
      const agent = await agents.registerExternal(project.project_id, profile);
      const subject: TokenSubject = {
        agentId: agent.agent_id,
        agentType: agent_type,
        projectId: project.project_id,
        permissions: profile.permissions,
      };
      return grant(subject, await tokens.issue(subject));
    }),
    refresh: implement(contract.tokens.refresh, async (_input, { principal }) => {
      if (principal.kind === 'operator') {
        throw new SidecarError(
          'PERMISSION_DENIED',
          'The operator token does not expire; only agent tokens are refreshed.',
        );
      }
      if (!agents.isAlive(principal.agentId)) throw new SidecarError('AGENT_ENDED');
      return grant(principal, await tokens.refresh(principal));
    }),
  };
}

function grant(subject: TokenSubject, issued: IssuedToken) {
  return {
    token: issued.token,
    token_type: 'Bearer' as const,
    expires_at: isoTime(issued.expiresAtMs),
    agent_id: subject.agentId,
    agent_type: subject.agentType,
    project_id: subject.projectId,
    permissions: [...subject.permissions],
  };
}
