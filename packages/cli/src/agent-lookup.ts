import type { SidecarClient } from '@orchestration-sidecar/sdk';
import { LIVE_AGENT_STATES, type Agent } from '@orchestration-sidecar/shared';
import { EXIT } from './exit-codes.ts';
import { CommandFailure } from './failure.ts';

const UUID_CHARS = 36;

/**
 * Finds the agent that a person means: by its whole id, by the end of it as tables show it, or by its agent type
 * where only one of that type is alive.
 * @throws {CommandFailure} when there are several, or none.
 */
export async function findAgentId(
  client: SidecarClient,
  meant: string,
  projectId: string | undefined,
): Promise<string> {
  if (meant.length > UUID_CHARS) return meant;
  const { agents } = await client.agents.list({ project_id: projectId, limit: 1000 });
  const byEnd = meant.length < 4 ? [] : agents.filter(({ agent_id }) => agent_id === meant || agent_id.endsWith(meant));
  const byType = agents.filter(({ agent_type }) => agent_type === meant);
  const alive = byType.filter(({ state }) => LIVE_AGENT_STATES.includes(state));
  const candidates = [byEnd, alive, byType].find((found) => found.length > 0) ?? [];
  const [only, second] = candidates;
  // An id of ours is longer; one that somebody else made up is the sidecar's to judge.
  if (!only) return meant;
  if (!second) return only.agent_id;
  throw new CommandFailure(`${candidates.length} agents fit ${meant}: ${namesOf(candidates)}.`, {
    exitCode: EXIT.usage,
    recovery: 'Give more of the id, from its end.',
  });
}

function namesOf(agents: readonly Agent[]): string {
  const shown = agents.slice(0, 5).map(({ agent_id }) => agent_id);
  return [...shown, ...(agents.length > shown.length ? ['…'] : [])].join(', ');
}
