import { expect, test } from 'vitest';
import { nextAgents, type HandedIn } from './next-agents.ts';
import { profileOf } from './temporary-profiles.ts';

const tester = profileOf('tester', {
  hand_over: [
    { agent_type: 'writer', when: 'success' },
    { agent_type: 'coder', when: 'findings' },
    { agent_type: 'debugger', when: 'failure' },
    { agent_type: 'watcher', when: 'always' },
    { agent_type: 'removed', when: 'success' },
  ],
});
const finding = { id: 'f1', message: 'wrong', severity: 'high' as const };

test.each<[string, Partial<HandedIn>, string[]]>([
  ['success goes on', {}, ['writer', 'watcher']],
  ['failure goes its own way', { status: 'failure' }, ['debugger', 'watcher']],
  ['findings go back and hold success up', { findings: [finding] }, ['coder', 'watcher']],
  [
    'a finding may name who settles it',
    { findings: [{ ...finding, suggested_agent: 'gopher' }] },
    ['gopher', 'watcher'],
  ],
  ['unless there is no such agent', { findings: [{ ...finding, suggested_agent: 'ghost' }] }, ['coder', 'watcher']],
  [
    'findings of a failed run go back too',
    { status: 'failure', findings: [finding] },
    ['coder', 'debugger', 'watcher'],
  ],
  ['the agent’s own word comes first', { next_agents: ['gopher', 'gopher', 'ghost'] }, ['gopher']],
  ['unless it names nobody known', { next_agents: ['ghost'] }, ['writer', 'watcher']],
])('%s', (_, result, expected) => {
  const known = new Set(['writer', 'coder', 'debugger', 'watcher', 'gopher']);
  const handedIn: HandedIn = { status: 'success', findings: [], next_agents: [], ...result };
  expect(nextAgents(tester, handedIn, (agentType) => known.has(agentType))).toEqual(expected);
});
