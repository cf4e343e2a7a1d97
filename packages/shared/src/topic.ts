import type { AgentCategory } from './permission.ts';
import type { Profile } from './profile.ts';

/** The specification's topics and the one for life-cycle events (DECISIONS 10). */
export const TOPICS = [
  'architecture',
  'implementation',
  'testing',
  'security',
  'deployment',
  'documentation',
  'error',
  'coordination',
] as const;

/** Topic with a meaning of its own. Other names are custom topics. */
export type KnownTopic = (typeof TOPICS)[number];

/** Whether the topic is one that the publisher table speaks of. */
export function isKnownTopic(topic: string): topic is KnownTopic {
  return (TOPICS as readonly string[]).includes(topic);
}

/**
 * Life-cycle events, and what each tells. On `coordination` only the sidecar publishes them: what the workflow engine
 * acts on cannot be forged by an agent (DECISIONS 10).
 */
export const LIFECYCLE_EVENTS = {
  issue_created: 'There is a new issue.',
  issue_started: 'Its workflow begins.',
  issue_resolved: 'Every phase is complete: the issue is over.',
  issue_failed: 'The workflow could not go on: the issue is over.',
  issue_cancelled: 'Somebody gave the issue up: it is over, and its agents are stopped.',
  issue_paused: 'No further agent of the issue starts until it is resumed.',
  issue_resumed: 'A paused issue goes on.',
  phase_started: 'A phase is reached; `data.agents` says who works in it.',
  phase_complete: 'A phase is done; the next one can begin.',
  agent_queued: 'No slot was free: the agent waits for one.',
  agent_spawned: 'The process of an attempt runs.',
  agent_completed: 'The agent ended well.',
  agent_failed: 'An attempt failed; with `data.will_retry` it is not the end of the agent.',
  agent_stopped: 'The agent was stopped.',
  agent_escalated: 'The agent failed for good.',
  workflow_decision: 'The engine decided something; `data.reason` says why.',
  workflow_observed: 'The engine saw something that is in no other event, such as a deadline that passed.',
  checks_complete: 'The sidecar has run the checks of a phase.',
  project_budget_low: 'A project has used 80 % of what it may in 24 hours.',
  project_budget_used_up: 'A project has used all that it may in 24 hours.',
} as const;

/** Whether an event type tells of a life-cycle step. */
export function isLifecycleEvent(eventType: string): boolean {
  return Object.hasOwn(LIFECYCLE_EVENTS, eventType);
}

/** `publisher` and `publisher_type` of what the sidecar itself publishes. */
export const SIDECAR_PUBLISHER = 'sidecar';
/** `publisher` and `publisher_type` of what the operator publishes. */
export const OPERATOR_PUBLISHER = 'operator';

/**
 * Whose work each topic carries (specification "Event Topics", column Publishers). `error` is open to every
 * agent and `coordination` belongs to the sidecar, so neither stands here.
 */
export const TOPIC_PUBLISHERS = {
  architecture: { category: 'architecture', agentType: 'chief-architect' },
  implementation: { category: 'coding' },
  testing: { category: 'qa-security' },
  security: { category: 'qa-security' },
  deployment: { category: 'devops' },
  documentation: { category: 'documentation' },
} as const satisfies Partial<Record<KnownTopic, { category: AgentCategory; agentType?: string }>>;

/** Whether the publisher table lets an agent type of this category name the topic in `publishes`. */
export function mayClaimTopic(profile: Pick<Profile, 'agent_type' | 'category'>, topic: string): boolean {
  if (!isKnownTopic(topic)) return true;
  if (topic === 'error' || topic === 'coordination') return false;
  const row: { category: AgentCategory; agentType?: string } = TOPIC_PUBLISHERS[topic];
  return row.category === profile.category && (row.agentType ?? profile.agent_type) === profile.agent_type;
}

/**
 * Whether an agent of this profile may itself publish to the topic: the one place that decides it (specification
 * "Event Topics", DECISIONS 10 and 11). Of `error` it answers true; that the event must be about the agent itself
 * is for the caller to check. A documentation agent may not publish to `documentation`: the sidecar does it for
 * the agent when it stores the agent's result.
 *
 * @param eventType - Left out: whether any event may be published. Life-cycle events on `coordination` never may.
 */
export function mayPublish(
  profile: Pick<Profile, 'permissions' | 'publishes'>,
  topic: string,
  eventType?: string,
): boolean {
  if (topic === 'error') return true;
  if (!profile.permissions.includes('publish_events')) return false;
  if (topic === 'coordination') return eventType === undefined || !isLifecycleEvent(eventType);
  return !isKnownTopic(topic) || profile.publishes.some((publication) => publication.topic === topic);
}
