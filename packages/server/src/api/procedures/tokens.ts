import { contract, SidecarError, type InputOf, type OutputOf } from '@orchestration-sidecar/shared';
import type { TokenSelection } from '../../broker/index.ts';
import type { IssuedToken, TokenSubject } from '../../broker/tokens.ts';
import { isoTime } from '../../runtime/clock.ts';
import { permissionsOf, type Principal } from '../../runtime/principal.ts';
import { implement, type Implementations } from '../implement.ts';
import type { Rooms } from '../rooms.ts';

export function tokenProcedures(rooms: Rooms): Implementations<typeof contract.tokens> {
  const { agents, broker, keys, profiles, projects, tokens } = rooms;
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
      // A profile may have been taken permissions since; it never gives a running agent more.
      const permitted = profiles.get(principal.agentType)?.permissions ?? principal.permissions;
      const permissions = principal.permissions.filter((permission) => permitted.includes(permission));
      return grant({ ...principal, permissions }, await tokens.refresh(principal, permissions));
    }),
    revoke: implement(contract.tokens.revoke, async (input) => ({ revoked: await tokens.revoke(selected(input)) })),
    introspect: implement(contract.tokens.introspect, async ({ token }, { principal }) => {
      if (token === undefined) return stateOf(principal);
      const identify = async () => broker.authenticate(`Bearer ${token}`);
      const meant = await identify().catch((cause: unknown) => faultOf(cause));
      const isOwn = 'agentId' in meant && principal.kind === 'agent' && meant.agentId === principal.agentId;
      if (principal.kind === 'agent' && !isOwn) {
        throw new SidecarError('PERMISSION_DENIED', 'An agent asks about its own token only.');
      }
      return stateOf(meant);
    }),
    rotateKeys: implement(contract.tokens.rotateKeys, async ({ leaked }) => {
      await tokens.rotateKeys({ leaked });
      return {
        kid: keys.active.kid,
        former: keys.former.map(({ kid, verifiesUntilMs }) => ({ kid, verifies_until: isoTime(verifiesUntilMs) })),
      };
    }),
  };
}

const REFUSALS = ['TOKEN_INVALID', 'TOKEN_EXPIRED', 'TOKEN_REVOKED'] as const;
type Refusal = { readonly kind: 'none'; readonly reason: (typeof REFUSALS)[number] };

function faultOf(cause: unknown): Refusal {
  const reason = REFUSALS.find((code) => cause instanceof SidecarError && cause.code === code);
  if (reason === undefined) throw cause;
  return { kind: 'none', reason };
}

/** What a token that was found out to be this one is good for. */
function stateOf(holder: Principal | Refusal): OutputOf<typeof contract.tokens.introspect> {
  const agent = holder.kind === 'agent' ? holder : undefined;
  return {
    active: holder.kind === 'agent' || holder.kind === 'operator',
    reason: holder.kind === 'none' ? holder.reason : null,
    holder: holder.kind === 'agent' || holder.kind === 'operator' ? holder.kind : null,
    token_id: agent?.tokenId ?? null,
    agent_id: agent?.agentId ?? null,
    agent_type: agent?.agentType ?? null,
    project_id: agent?.projectId ?? null,
    permissions: holder.kind === 'none' ? [] : [...permissionsOf(holder)],
    expires_at: agent ? isoTime(agent.expiresAtMs) : null,
  };
}

function selected(input: InputOf<typeof contract.tokens.revoke>): TokenSelection {
  if (input.token_id !== undefined) return { tokenId: input.token_id };
  if (input.agent_id !== undefined) return { agentId: input.agent_id };
  return input.project_id === undefined ? 'all' : { projectId: input.project_id };
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
