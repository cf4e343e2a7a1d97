import type { StoredResult } from '@orchestration-sidecar/shared';
import type { Catalogue } from './choose.ts';

/**
 * Who goes on after a result of an issue that no workflow drives: what the agent itself suggests, else what its
 * profile hands over to. Agent types without a profile are passed over.
 */
export function handOverOf(result: StoredResult, catalogue: Catalogue): string[] {
  const { status, findings, next_agents: suggested } = result.result;
  const { hand_over: usual } = catalogue.get(result.agent_type) ?? { hand_over: [] };
  const after = usual
    .filter(({ when }) => when === 'always' || when === status || (when === 'findings' && findings.length > 0))
    .map(({ agent_type }) => agent_type);
  return [...new Set(suggested.length > 0 ? suggested : after)].filter((agentType) => catalogue.get(agentType));
}
