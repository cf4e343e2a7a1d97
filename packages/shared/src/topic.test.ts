import { expect, test } from 'vitest';
import { mayClaimTopic, mayPublish, TOPICS } from './topic.ts';

const coder = {
  agent_type: 'go-specialist',
  category: 'coding' as const,
  permissions: ['publish_events' as const],
  publishes: [{ topic: 'implementation', event_types: ['implementation_complete'] }],
};

test('an agent publishes to the known topics its profile names, to custom ones, and to error', () => {
  expect(TOPICS.filter((topic) => mayPublish(coder, topic))).toEqual(['implementation', 'error', 'coordination']);
  expect(mayPublish(coder, 'lunch')).toBe(true);
});

test('without the permission only error is left', () => {
  const reader = { ...coder, permissions: [] };
  expect([...TOPICS, 'lunch'].filter((topic) => mayPublish(reader, topic))).toEqual(['error']);
});

test('the life cycle is the sidecar’s to tell', () => {
  expect(mayPublish(coder, 'coordination', 'agent_completed')).toBe(false);
  expect(mayPublish(coder, 'coordination', 'question_raised')).toBe(true);
  expect(mayPublish(coder, 'implementation', 'phase_complete')).toBe(true);
});

const claims = (agent_type: string, category: 'architecture' | 'coding' | 'support'): string[] =>
  [...TOPICS, 'lunch'].filter((topic) => mayClaimTopic({ agent_type, category }, topic));

test('a profile may name the topics of its category, the chief architect’s only as the chief architect', () => {
  expect(claims('go-specialist', 'coding')).toEqual(['implementation', 'lunch']);
  expect(claims('chief-architect', 'architecture')).toEqual(['architecture', 'lunch']);
  expect(claims('backend-architect', 'architecture')).toEqual(['lunch']);
  expect(claims('review-agent', 'support')).toEqual(['lunch']);
});
