import {
  isKnownTopic,
  isLifecycleEvent,
  type HandOver,
  type Profile,
  type Workflow,
} from '@orchestration-sidecar/shared';
import type { Definitions, ProfileProblem } from './load-profiles.ts';

/**
 * What no file can know by itself: names of agent types, topics and event types that nothing else defines, and
 * hand-overs that lead back to where they started. The definitions stay usable; whoever follows a hand-over skips
 * unknown types.
 */
export function referenceProblems({ profiles, workflows }: Definitions): ProfileProblem[] {
  const all = [...profiles.values()].map(({ value }) => value);
  const published = publishedEvents(all);
  const problems: ProfileProblem[] = [];
  for (const { value, file } of profiles.values()) {
    for (const { agent_type } of value.hand_over) {
      if (!profiles.has(agent_type))
        problems.push({ file, message: `hand_over: there is no agent type '${agent_type}'` });
    }
    for (const { topic, event_types } of value.event_subscriptions) {
      const events = published.get(topic);
      if (events === undefined && !isKnownTopic(topic)) {
        problems.push({ file, message: `event_subscriptions: nobody publishes to topic '${topic}'` });
        continue;
      }
      for (const eventType of event_types ?? []) {
        if (events?.has(eventType) || (topic === 'coordination' && isLifecycleEvent(eventType))) continue;
        problems.push({ file, message: `event_subscriptions: nobody publishes '${eventType}' to topic '${topic}'` });
      }
    }
  }
  for (const { value, file } of workflows.values()) {
    for (const agentType of namedAgents(value)) {
      if (!profiles.has(agentType)) problems.push({ file, message: `phases: there is no agent type '${agentType}'` });
    }
    for (const { run } of value.phases) {
      if (run.by !== 'capability' || all.some(({ capabilities }) => capabilities.includes(run.capability))) continue;
      problems.push({ file, message: `phases: no agent type has the capability '${run.capability}'` });
    }
  }
  const cycle = handOverCycle(all, (when) => when !== 'findings');
  const [first] = cycle;
  const file = first === undefined ? undefined : profiles.get(first)?.file;
  if (file !== undefined) problems.push({ file, message: `hand_over: goes round for ever: ${cycle.join(' → ')}` });
  return problems;
}

/**
 * Agent types of a circle of hand-overs, first and last the same; empty when there is none. Hand-overs of `findings`
 * go back on purpose and are bounded by the rounds of the review loop, so callers leave them out.
 */
export function handOverCycle(
  profiles: readonly Pick<Profile, 'agent_type' | 'hand_over'>[],
  follows: (when: HandOver['when']) => boolean,
): readonly string[] {
  const next = new Map(
    profiles.map(({ agent_type, hand_over }) => [
      agent_type,
      hand_over.filter(({ when }) => follows(when)).map((target) => target.agent_type),
    ]),
  );
  const settled = new Set<string>();
  const visit = (agentType: string, path: readonly string[]): readonly string[] => {
    const start = path.indexOf(agentType);
    if (start >= 0) return [...path.slice(start), agentType];
    if (settled.has(agentType)) return [];
    for (const target of next.get(agentType) ?? []) {
      const cycle = visit(target, [...path, agentType]);
      if (cycle.length > 0) return cycle;
    }
    settled.add(agentType);
    return [];
  };
  for (const agentType of next.keys()) {
    const cycle = visit(agentType, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

function publishedEvents(profiles: readonly Profile[]): Map<string, Set<string>> {
  const published = new Map<string, Set<string>>();
  for (const { topic, event_types } of profiles.flatMap(({ publishes }) => publishes)) {
    published.set(topic, new Set([...(published.get(topic) ?? []), ...event_types]));
  }
  return published;
}

function namedAgents({ phases }: Workflow): string[] {
  return phases.flatMap(({ run }) => (run.by === 'agents' ? run.agents : run.otherwise));
}
