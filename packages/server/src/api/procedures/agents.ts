import {
  CONTEXT_REQUIREMENTS,
  contract,
  ContextRequirement,
  SidecarError,
  type Agent,
} from '@orchestration-sidecar/shared';
import type { KnownPrincipal } from '../../runtime/principal.ts';
import { permissionsOf } from '../../runtime/principal.ts';
import { implement, type Implementations } from '../implement.ts';
import type { Rooms } from '../rooms.ts';
import { issueMeantBy } from './scope.ts';

export function agentProcedures(rooms: Rooms): Implementations<typeof contract.agents> {
  const { agents, profiles, projects } = rooms;

  /** An agent that the caller can see; one of another project does not exist for it. */
  const visible = (principal: KnownPrincipal, input: { agent_id: string; project_id?: string | undefined }): Agent => {
    const agent = agents.find(input.agent_id);
    const projectId = principal.kind === 'agent' ? principal.projectId : (input.project_id ?? agent?.project_id);
    if (input.project_id !== undefined) projects.meantBy(principal, input.project_id);
    if (!agent || agent.project_id !== projectId) {
      throw new SidecarError('AGENT_NOT_FOUND', `There is no agent ${input.agent_id} in this project.`);
    }
    return agent;
  };

  return {
    spawn: implement(contract.agents.spawn, async (input, { principal, correlationId }) => {
      const profile = profiles.require(input.agent_type);
      const { issue, project } = issueMeantBy(rooms, principal, input);
      if (input.launcher && principal.kind !== 'operator') {
        throw new SidecarError('PERMISSION_DENIED', 'Only the operator chooses another launcher.');
      }
      const agent = await agents.spawn({
        profile,
        project,
        issue,
        task: input.task,
        requirements: requirementsOf(input.context_requirements) ?? profile.context_requirements,
        environment: input.environment,
        launcher: input.launcher ?? profile.launcher,
        parentId: principal.kind === 'agent' ? principal.agentId : null,
        permissions: profile.permissions.filter((permission) => permissionsOf(principal).includes(permission)),
        idempotencyKey: input.idempotency_key,
        correlationId,
      });
      return {
        agent_id: agent.agent_id,
        spawned: true as const,
        process_id: agent.process_id,
        context_injected: true,
        webhook_url: `/api/agents/${agent.agent_id}/status`,
      };
    }),
    list: implement(contract.agents.list, ({ project_id, ...query }, { principal }) =>
      agents.list({
        projectId: projects.meantBy(principal, project_id).project_id,
        issueId: query.issue_id,
        agentType: query.agent_type,
        state: query.state,
        limit: query.limit,
        cursor: query.cursor,
      }),
    ),
    status: implement(contract.agents.status, async (input, { principal }) => {
      const agent = visible(principal, input);
      return { ...agent, log_tail: await agents.logTail(agent.agent_id) };
    }),
    stop: implement(contract.agents.stop, (input, { principal }) =>
      agents.stop(visible(principal, input).agent_id, input.reason),
    ),
  };
}

function requirementsOf(names: readonly string[] | undefined): ContextRequirement[] | undefined {
  if (names === undefined) return undefined;
  const unknown = names.filter((name) => !ContextRequirement.safeParse(name).success);
  if (unknown.length > 0) {
    throw new SidecarError('CONTEXT_REQUIREMENT_UNKNOWN', `There is no ${unknown.join(', ')}.`, {
      extension: { unknown, known: CONTEXT_REQUIREMENTS },
    });
  }
  return names.map((name) => ContextRequirement.parse(name));
}
