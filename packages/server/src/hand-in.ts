import type { Profile } from '@orchestration-sidecar/shared';
import type { FinishedWork } from './agents/index.ts';
import type { Results } from './results/index.ts';

/**
 * Stores what an agent ended with on its output, for programs that cannot reach the sidecar themselves. An agent that
 * stored a result in this attempt has said it better; one that may not write results hands in nothing.
 * @throws {SidecarError} as {@link Results.store}.
 */
export function createHandIn(rooms: {
  readonly results: Results;
  readonly profiles: { get(agentType: string): Profile | undefined };
}): (work: FinishedWork) => Promise<void> {
  return async ({ agent, result, since, correlationId }) => {
    const { agent_id: agentId, agent_type: agentType, project_id: projectId, issue_id: issueId } = agent;
    const profile = rooms.profiles.get(agentType);
    if (issueId === null || !profile || !agent.permissions.includes('write_results')) return;
    // Not since its start: a quick agent stores its result before its start is on record.
    const sinceMs = since === null ? undefined : Date.parse(since);
    if (rooms.results.list({ projectId, issueId, agentId, sinceMs, limit: 1 }).results.length > 0) return;
    await rooms.results.store({
      projectId,
      issueId,
      agentId,
      profile,
      body: result,
      idempotencyKey: `output:${agentId}:${agent.attempt}`,
      correlationId,
    });
  };
}
