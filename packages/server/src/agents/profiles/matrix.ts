import {
  mayPublish,
  PERMISSIONS,
  TOPICS,
  type AgentCategory,
  type ModelTier,
  type Permission,
  type Profile,
} from '@orchestration-sidecar/shared';

/** What one agent type is and may: a row of the capability matrix. */
export interface MatrixRow {
  readonly agent_type: string;
  readonly category: AgentCategory;
  readonly authority_level: number;
  readonly tier: ModelTier;
  readonly permissions: Readonly<Record<Permission, boolean>>;
  /** Known topics the agent may itself publish to, life-cycle events apart, and its custom ones. */
  readonly publishes: readonly string[];
  /** Topics it hears, whole or in part. */
  readonly hears: readonly string[];
}

/** The capability matrix, one row per profile (specification "Authorization Rules", "Event Topics"). */
export function matrixOf(profiles: readonly Profile[]): MatrixRow[] {
  return profiles.map((profile) => ({
    agent_type: profile.agent_type,
    category: profile.category,
    authority_level: profile.authority_level,
    tier: profile.model.tier,
    permissions: permissionsOf(profile),
    publishes: [
      ...new Set([
        ...TOPICS.filter((topic) => topic !== 'coordination'),
        ...profile.publishes.map(({ topic }) => topic),
      ]),
    ].filter((topic) => mayPublish(profile, topic)),
    hears: [...new Set(profile.event_subscriptions.map(({ topic }) => topic))],
  }));
}

function permissionsOf(profile: Profile): Record<Permission, boolean> {
  const held = (permission: Permission) => profile.permissions.includes(permission);
  const [context, results, events, agents] = PERMISSIONS;
  return { [context]: held(context), [results]: held(results), [events]: held(events), [agents]: held(agents) };
}

/** Agent types by topic whose profiles name it in `publishes`. */
export function topicPublishersOf(profiles: readonly Profile[]): Map<string, readonly string[]> {
  const publishers = new Map<string, string[]>();
  for (const { agent_type, publishes } of profiles) {
    for (const topic of new Set(publishes.map((publication) => publication.topic))) {
      publishers.set(topic, [...(publishers.get(topic) ?? []), agent_type]);
    }
  }
  return publishers;
}
