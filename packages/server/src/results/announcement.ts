import type { Profile, StoredResult } from '@orchestration-sidecar/shared';
import type { NewEvent } from '../events/index.ts';

/**
 * The event a stored result becomes: what the profile publishes first, in the agent’s name, since its token was
 * verified when it handed the result in. Documentation agents reach their topic only this way (DECISIONS 11).
 * Work that did not succeed is announced as `work_failed` on the same topic.
 */
export function announcementOf(result: StoredResult, profile: Profile, nextAgents: readonly string[]): NewEvent {
  const publication = profile.publishes[0];
  const { status, summary, findings } = result.result;
  const done = status === 'success' || status === 'partial';
  return {
    projectId: result.project_id,
    topic: publication?.topic ?? 'coordination',
    eventType: done ? (publication?.event_types[0] ?? 'work_done') : 'work_failed',
    publisher: result.agent_id,
    publisherType: result.agent_type,
    data: {
      issue_id: result.issue_id,
      agent_id: result.agent_id,
      agent_type: result.agent_type,
      result_id: result.id,
      status,
      summary: summary?.slice(0, 2000) ?? null,
      findings: findings.length,
      next_agents: nextAgents,
    },
  };
}
