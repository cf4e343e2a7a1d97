import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  CATEGORY_PERMISSIONS,
  isKnownTopic,
  isLifecycleEvent,
  mayPublish,
  Profile,
  Workflow,
  type AgentCategory,
  type HandOver,
} from '@orchestration-sidecar/shared';
import { expect, test } from 'vitest';
import { builtInProfiles } from '../../packages/server/src/agents/profiles/built-in-directory.ts';
import { loadProfiles } from '../../packages/server/src/agents/profiles/load-profiles.ts';
import { matrixOf, topicPublishersOf } from '../../packages/server/src/agents/profiles/matrix.ts';
import { handOverCycle, referenceProblems } from '../../packages/server/src/agents/profiles/references.ts';
import { definitionSchemas } from '../../packages/shared/src/definition-schemas.ts';
import { ROSTER } from './roster.ts';

const directory = builtInProfiles();
const loaded = loadProfiles([directory]);
const profiles = [...loaded.profiles.values()].map(({ value }) => value);
const workflows = [...loaded.workflows.values()].map(({ value }) => value);
const json = (...path: string[]): unknown => JSON.parse(readFileSync(join(directory, ...path), 'utf8'));
const typesOf = (...categories: AgentCategory[]): string[] =>
  profiles.filter(({ category }) => categories.includes(category)).map(({ agent_type }) => agent_type);
const sorted = (names: Iterable<string>): string[] => [...names].toSorted();

/** The agents of the security section, and those with security, penetration or compliance in their names. */
const SECURITY_MINDED = [
  'api-security-audit',
  'compliance-specialist',
  'graphql-security-specialist',
  'mcp-security-auditor',
  'penetration-tester',
  'security-auditor',
  'security-engineer',
  'web-accessibility-checker',
];

test('the built-in profiles load without a problem and name nothing that does not exist', () => {
  expect([...loaded.problems, ...referenceProblems(loaded)]).toEqual([]);
});

test('there are 119, exactly those of the roster, each in its category and in a file of its name', () => {
  expect(Object.fromEntries(profiles.map(({ agent_type, category }) => [agent_type, category]))).toEqual(ROSTER);
  expect(profiles).toHaveLength(119);
  const files = readdirSync(join(directory, 'agents'));
  expect(files.map((file) => basename(file, '.json')).toSorted()).toEqual(sorted(Object.keys(ROSTER)));
});

test('each file refers to the schema beside it and says everything itself', () => {
  for (const file of readdirSync(join(directory, 'agents'))) {
    const fields = Profile.parse(json('agents', file));
    expect(fields.$schema).toBe('../schemas/profile.schema.json');
    expect(file).toBe(`${fields.agent_type}.json`);
  }
  for (const file of readdirSync(join(directory, 'workflows'))) {
    const fields = Workflow.parse(json('workflows', file));
    expect(fields.$schema).toBe('../schemas/workflow.schema.json');
    expect(file).toBe(`${fields.name}.json`);
  }
});

test('the JSON Schemas are those of the zod schemas; scripts/generate-schemas.ts writes them', () => {
  const schemas = definitionSchemas();
  expect(sorted(readdirSync(join(directory, 'schemas')))).toEqual(sorted(Object.keys(schemas)));
  for (const [name, schema] of Object.entries(schemas)) {
    expect(json('schemas', name), name).toEqual(JSON.parse(JSON.stringify(schema)));
  }
});

/** Specification "Authorization Rules", with the row of DevOps from DECISIONS 11. */
test.each([
  // agent type or category, read context, write results, publish events, spawn agents
  ['chief-architect', true, true, true, true],
  ['architecture', true, true, true, false],
  ['coding', true, true, true, false],
  ['qa-security', true, true, true, false],
  ['devops', true, true, true, false],
  ['documentation', true, true, false, false],
  ['support', true, false, false, false],
])('the permission matrix of the specification comes out of the files: %s', (row, read, write, publish, spawn) => {
  const rows = matrixOf(profiles).filter(({ agent_type, category }) =>
    agent_type === 'chief-architect' ? row === agent_type : row === category,
  );
  expect(rows.length).toBeGreaterThan(0);
  for (const { agent_type, permissions } of rows) {
    expect(permissions, agent_type).toEqual({
      read_context: read,
      write_results: write,
      publish_events: publish,
      spawn_agents: spawn,
    });
  }
});

test('no profile holds less than its category either', () => {
  for (const { agent_type, category, permissions } of profiles) {
    expect(
      permissions.filter((permission) => permission !== 'spawn_agents'),
      agent_type,
    ).toEqual(CATEGORY_PERMISSIONS[category]);
  }
});

test('the publishers of the specification’s topics come out of the files', () => {
  const publishers = topicPublishersOf(profiles);
  const table = {
    architecture: ['chief-architect'],
    implementation: typesOf('coding'),
    testing: typesOf('qa-security').filter((agentType) => !SECURITY_MINDED.includes(agentType)),
    security: SECURITY_MINDED,
    deployment: typesOf('devops'),
    documentation: typesOf('documentation'),
    design: typesOf('architecture').filter((agentType) => agentType !== 'chief-architect'),
  };
  expect(sorted(publishers.keys())).toEqual(sorted(Object.keys(table)));
  for (const [topic, agentTypes] of Object.entries(table)) {
    expect(sorted(publishers.get(topic) ?? []), topic).toEqual(sorted(agentTypes));
  }
});

test('who may publish follows from it: documentation only by the sidecar’s hand, error everybody', () => {
  for (const profile of profiles) {
    const may = (topic: string, eventType?: string): boolean => mayPublish(profile, topic, eventType);
    const own = new Set(profile.publishes.map(({ topic }) => topic));
    const holdsRight = profile.permissions.includes('publish_events');
    for (const topic of ['architecture', 'implementation', 'testing', 'security', 'deployment', 'documentation']) {
      expect(may(topic), `${profile.agent_type} on ${topic}`).toBe(holdsRight && own.has(topic));
    }
    expect(may('documentation')).toBe(false);
    expect(may('error')).toBe(true);
    expect(may('a-custom-topic')).toBe(holdsRight);
    expect(may('coordination', 'phase_complete')).toBe(false);
    expect(may('coordination', 'hand_raised')).toBe(holdsRight);
  }
});

test('the subscribers of the specification’s topics come out of the files', () => {
  const table: Record<string, string[]> = {
    architecture: typesOf('coding'),
    implementation: typesOf('qa-security'),
    testing: typesOf('devops', 'architecture'),
    security: typesOf('architecture', 'devops'),
    deployment: profiles.map(({ agent_type }) => agent_type),
    documentation: typesOf('architecture'),
    error: typesOf('architecture', 'devops'),
  };
  for (const [topic, agentTypes] of Object.entries(table)) {
    const subscribers = profiles.filter(({ event_subscriptions }) =>
      event_subscriptions.some(
        (subscription) => subscription.topic === topic && subscription.event_types === undefined,
      ),
    );
    expect(sorted(subscribers.map(({ agent_type }) => agent_type)), topic).toEqual(sorted(agentTypes));
  }
});

test('beyond the table, agents hear only of reviews and of the life cycle', () => {
  for (const { agent_type, event_subscriptions } of profiles) {
    for (const { topic, event_types } of event_subscriptions) {
      if (event_types === undefined) continue;
      const expected = topic === 'coordination' ? isLifecycleEvent : (type: string) => type === 'review_requested';
      expect(event_types.every(expected), `${agent_type} on ${topic}`).toBe(true);
    }
  }
});

test('a stored success is announced as the event that starts what comes next', () => {
  const announcements = new Map<string, Set<string>>();
  for (const { publishes } of profiles) {
    const [first] = publishes;
    if (first === undefined) continue;
    const [announced] = first.event_types;
    announcements.set(first.topic, (announcements.get(first.topic) ?? new Set()).add(announced ?? ''));
  }
  expect(Object.fromEntries([...announcements].map(([topic, events]) => [topic, sorted(events)]))).toEqual({
    architecture: ['architecture_defined'],
    design: ['design_complete'],
    implementation: ['implementation_complete'],
    testing: ['review_complete', 'tests_complete'],
    security: ['audit_complete'],
    deployment: ['deployment_complete'],
    documentation: ['documentation_updated'],
  });
  expect(
    typesOf('support').filter((agentType) => (loaded.profiles.get(agentType)?.value.publishes.length ?? 0) > 0),
  ).toEqual([]);
});

const says = (agentType: string, event: string): boolean =>
  loaded.profiles.get(agentType)?.value.publishes.some(({ event_types }) => event_types.includes(event)) ?? false;
const hears = (agentType: string, topic: string, event: string): boolean =>
  loaded.profiles
    .get(agentType)
    ?.value.event_subscriptions.some(
      (subscription) => subscription.topic === topic && (subscription.event_types?.includes(event) ?? true),
    ) ?? false;

test('both ends of a review loop can speak and hear', () => {
  for (const reviewer of typesOf('qa-security')) {
    expect(says(reviewer, 'review_requested') && hears(reviewer, 'implementation', 'review_addressed'), reviewer).toBe(
      true,
    );
  }
  for (const coder of typesOf('coding')) {
    expect(says(coder, 'review_addressed'), coder).toBe(true);
    expect(hears(coder, 'testing', 'review_requested') && hears(coder, 'security', 'review_requested'), coder).toBe(
      true,
    );
  }
});

const follows = (when: HandOver['when']): boolean => when !== 'findings';

test('no chain of hand-overs runs for ever, and findings only go back to agents that can settle them', () => {
  expect(handOverCycle(profiles, follows)).toEqual([]);
  for (const { agent_type, category, hand_over } of profiles) {
    for (const target of hand_over.filter(({ when }) => when === 'findings')) {
      expect(category, agent_type).toBe('qa-security');
      expect(loaded.profiles.get(target.agent_type)?.value.category, agent_type).toMatch(/^(coding|devops)$/);
    }
  }
  // The longest chain that hand-overs alone can make.
  const reach = (agentType: string): number =>
    1 +
    Math.max(
      0,
      ...(loaded.profiles.get(agentType)?.value.hand_over ?? [])
        .filter(({ when }) => follows(when))
        .map((target) => reach(target.agent_type)),
    );
  expect(Math.max(...profiles.map(({ agent_type }) => reach(agent_type)))).toBeLessThanOrEqual(10);
});

test('the example of the specification holds: python-specialist hands over to testing and security', () => {
  const handOver = loaded.profiles.get('python-specialist')?.value.hand_over.filter(({ when }) => when === 'success');
  expect(handOver?.map(({ agent_type }) => agent_type)).toEqual(['test-engineer', 'security-auditor']);
});

test('every agent reads what the specification lists for its category', () => {
  const required: Record<AgentCategory, readonly string[]> = {
    architecture: [
      'project_structure',
      'previous_decisions',
      'dependency_manifests',
      'design_documents',
      'readme_files',
    ],
    coding: ['test_files', 'dependency_manifests', 'previous_reviews', 'coding_standards'],
    'qa-security': ['test_files', 'security_files', 'previous_reviews', 'coverage_reports', 'ci_files'],
    documentation: ['readme_files', 'api_specifications', 'documentation', 'relevant_files', 'design_documents'],
    devops: ['infrastructure_files', 'ci_files', 'config_files'],
    support: ['project_structure', 'readme_files', 'documentation'],
  };
  for (const { agent_type, category, context_requirements } of profiles) {
    expect(context_requirements, agent_type).toEqual(expect.arrayContaining([...required[category]]));
    expect(new Set(context_requirements).size, agent_type).toBe(context_requirements.length);
  }
  expect(loaded.profiles.get('chief-architect')?.value.context_requirements).toContain('all_files');
});

test('each prompt is its own and tells what to hand in and where it is announced', () => {
  expect(new Set(profiles.map(({ prompt }) => prompt)).size).toBe(119);
  expect(new Set(profiles.map(({ description }) => description)).size).toBe(119);
  for (const { agent_type, category, prompt, publishes } of profiles) {
    const lines = prompt.split('\n');
    expect(lines.length, agent_type).toBeGreaterThanOrEqual(6);
    expect(lines.length, agent_type).toBeLessThanOrEqual(15);
    expect(prompt.includes('results.store'), agent_type).toBe(category !== 'support');
    for (const field of ['status', 'summary', 'warnings']) expect(prompt, agent_type).toContain(`\`${field}\``);
    for (const { topic, event_types } of publishes) {
      expect(prompt, agent_type).toContain(`\`${topic}\``);
      expect(prompt, agent_type).toContain(`\`${event_types[0] ?? ''}\``);
    }
  }
});

test('a model falls back to another tier, and never to a dearer one to save money', () => {
  const price = { haiku: 1, sonnet: 2, opus: 3 };
  for (const { agent_type, model } of profiles) {
    expect(model.fallback, agent_type).not.toBeNull();
    expect(model.fallback, agent_type).not.toBe(model.tier);
    const dearer = model.fallback !== null && price[model.fallback] > price[model.tier];
    expect(dearer && model.fallback_when.includes('budget_low'), agent_type).toBe(false);
  }
});

test('workflows wait for events that somebody publishes', () => {
  const published = new Set(profiles.flatMap(({ publishes }) => publishes.flatMap(({ event_types }) => event_types)));
  for (const { name, phases } of workflows) {
    for (const event of phases.flatMap(({ announced_by }) => announced_by)) {
      expect(published.has(event) || isLifecycleEvent(event), `${name}: ${event}`).toBe(true);
    }
  }
  expect(workflows.map(({ name }) => name)).toContain('issue-resolution');
});

test('topics beyond the specification’s are custom ones', () => {
  expect(sorted(topicPublishersOf(profiles).keys()).filter((topic) => !isKnownTopic(topic))).toEqual(['design']);
});
