import type { HandOver } from '@orchestration-sidecar/shared';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { loadProfiles } from './load-profiles.ts';
import { handOverCycle, referenceProblems } from './references.ts';
import { profileOf, temporaryProfiles } from './temporary-profiles.ts';

const problemsOf = (profiles: Parameters<typeof profileOf>[]): string[] => {
  using folder = temporaryProfiles();
  for (const [agentType, fields] of profiles) folder.write(`${agentType}.json`, profileOf(agentType, fields));
  return referenceProblems(loadProfiles([folder.root])).map(({ message }) => message);
};

test('names that nothing defines are reported', () => {
  expect(
    problemsOf([
      ['a', { hand_over: [{ agent_type: 'nobody', when: 'success' }] }],
      ['b', { event_subscriptions: [{ topic: 'rumours' }] }],
      ['c', { event_subscriptions: [{ topic: 'implementation', event_types: ['built', 'burnt'] }] }],
      ['d', { publishes: [{ topic: 'implementation', event_types: ['built'] }] }],
      ['e', { event_subscriptions: [{ topic: 'coordination', event_types: ['agent_failed', 'agent_bored'] }] }],
    ]),
  ).toEqual([
    "hand_over: there is no agent type 'nobody'",
    "event_subscriptions: nobody publishes to topic 'rumours'",
    "event_subscriptions: nobody publishes 'burnt' to topic 'implementation'",
    "event_subscriptions: nobody publishes 'agent_bored' to topic 'coordination'",
  ]);
});

const round = (when: HandOver['when']): Parameters<typeof profileOf>[] => [
  ['a', { hand_over: [{ agent_type: 'b', when: 'success' }] }],
  ['b', { hand_over: [{ agent_type: 'a', when }] }],
];

test('hand-overs that go round for ever are reported; findings may go back', () => {
  expect(problemsOf(round('failure'))).toEqual(['hand_over: goes round for ever: a → b → a']);
  expect(problemsOf(round('findings'))).toEqual([]);
});

test('a circle is found exactly when there is one', () => {
  const edges = fc.array(fc.tuple(fc.nat(7), fc.nat(7)), { maxLength: 20 });
  fc.assert(
    fc.property(edges, fc.boolean(), (pairs, forwardOnly) => {
      // Edges that only lead to higher numbers cannot form a circle; one that leads back to its start does.
      const kept = forwardOnly ? pairs.filter(([from, to]) => from < to) : [...pairs, [3, 4] as const, [4, 3] as const];
      const profiles = Array.from({ length: 8 }, (_, index) => ({
        agent_type: `n${index}`,
        hand_over: kept
          .filter(([from]) => from === index)
          .map(([, to]) => ({ agent_type: `n${to}`, when: 'success' as const })),
      }));
      const cycle = handOverCycle(profiles, () => true);
      expect(cycle.length > 0).toBe(!forwardOnly);
      expect(cycle.at(0)).toBe(cycle.at(-1));
      for (const [index, from] of cycle.slice(0, -1).entries()) {
        const targets = profiles.find(({ agent_type }) => agent_type === from)?.hand_over ?? [];
        expect(targets.map(({ agent_type }) => agent_type)).toContain(cycle[index + 1]);
      }
    }),
  );
});
