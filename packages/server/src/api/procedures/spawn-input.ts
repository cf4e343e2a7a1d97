import {
  CONTEXT_REQUIREMENTS,
  ContextRequirement,
  SidecarError,
  type contract,
  type ParsedInputOf,
} from '@orchestration-sidecar/shared';
import type { SpawnRequest } from '../../agents/index.ts';
import type { KnownPrincipal } from '../../runtime/principal.ts';
import type { Rooms } from '../rooms.ts';
import { issueMeantBy } from './scope.ts';

/** What a spawn and its forecast are asked with. */
type Input = ParsedInputOf<typeof contract.agents.preflight>;

/**
 * What the caller of a spawn means, every name resolved.
 * @throws {SidecarError} `AGENT_TYPE_NOT_FOUND`, `ISSUE_NOT_FOUND`, `CONTEXT_REQUIREMENT_UNKNOWN`; `PERMISSION_DENIED`
 * when anyone but the operator chooses a launcher.
 */
export function spawnMeantBy(
  rooms: Rooms,
  principal: KnownPrincipal,
  input: Input,
): Pick<SpawnRequest, 'profile' | 'project' | 'issue' | 'requirements' | 'environment' | 'launcher' | 'parentId'> {
  const profile = rooms.profiles.require(input.agent_type);
  const { issue, project } = issueMeantBy(rooms, principal, input);
  if (input.launcher && principal.kind !== 'operator') {
    throw new SidecarError('PERMISSION_DENIED', 'Only the operator chooses another launcher.');
  }
  return {
    profile,
    project,
    issue,
    requirements: requirementsOf(input.context_requirements) ?? profile.context_requirements,
    environment: input.environment,
    launcher: input.launcher ?? profile.launcher,
    parentId: principal.kind === 'agent' ? principal.agentId : null,
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
