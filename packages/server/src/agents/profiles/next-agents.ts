import type { Profile, ResultBody } from '@orchestration-sidecar/shared';

/** What of a result decides who goes on. */
export type HandedIn = Pick<ResultBody, 'status' | 'findings' | 'next_agents'>;

/**
 * Who goes on after a result, without a workflow that says otherwise. What the agent itself suggests in
 * `next_agents` comes first. Findings go to the agents they suggest, else where the profile sends findings, and hold
 * back whoever waits for success. Agent types that do not exist are left out.
 */
export function nextAgents(
  profile: Pick<Profile, 'hand_over'>,
  result: HandedIn,
  exists: (agentType: string) => boolean,
): string[] {
  const suggested = result.next_agents.filter(exists);
  if (suggested.length > 0) return [...new Set(suggested)];
  const hasFindings = result.findings.length > 0;
  const named = result.findings.flatMap(({ suggested_agent }) => suggested_agent ?? []).filter(exists);
  const onFindings = (when: string): boolean => hasFindings && when === 'findings' && named.length === 0;
  const onStatus = (when: string): boolean => when === result.status && !(hasFindings && when === 'success');
  const following = profile.hand_over
    .filter(({ when }) => when === 'always' || onFindings(when) || onStatus(when))
    .map(({ agent_type }) => agent_type)
    .filter(exists);
  return [...new Set([...named, ...following])];
}
