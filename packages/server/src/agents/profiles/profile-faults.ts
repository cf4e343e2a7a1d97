import { CATEGORY_PERMISSIONS, mayClaimTopic, type Profile } from '@orchestration-sidecar/shared';

/** The one agent type that may start others (specification "Authorization Rules"). */
const SPAWNER = 'chief-architect';

/**
 * What a profile may not say though its schema allows it: permissions beyond its category's, and topics that the
 * specification's publisher table gives to others. Holds for users' own profiles as well, so that a file found in
 * a project cannot raise what an agent may do.
 */
export function profileFaults(profile: Profile): string[] {
  const allowed: readonly string[] = CATEGORY_PERMISSIONS[profile.category];
  const beyond = profile.permissions.filter((permission) =>
    permission === 'spawn_agents' ? profile.agent_type !== SPAWNER : !allowed.includes(permission),
  );
  const claimed = profile.publishes.map(({ topic }) => topic).filter((topic) => !mayClaimTopic(profile, topic));
  return [
    ...beyond.map((permission) => `permissions: '${permission}' is not for ${profile.category} agents`),
    ...claimed.map((topic) => `publishes: topic '${topic}' is not for ${profile.agent_type}`),
  ];
}
