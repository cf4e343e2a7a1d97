import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadProfiles, type Definitions } from './load-profiles.ts';
import { profileOf, temporaryProfiles } from './temporary-profiles.ts';

const messages = ({ problems }: Definitions): string[] => problems.map(({ message }) => message);
const workflow = (name: string) => ({
  name,
  description: 'For tests.',
  phases: [{ name: 'only', run: { by: 'agents', agents: ['builder'] }, task: 'Work.' }],
  limits: { max_spawns: 1, max_wall_seconds: 60 },
});

test('reads agents/, flat files and workflows/ of a directory, and nothing else', () => {
  using built = temporaryProfiles();
  built.write('agents/builder.json', profileOf('builder'));
  built.write('tester.json', profileOf('tester'));
  built.write('workflows/small.json', workflow('small'));
  built.write('schemas/profile.schema.json', { type: 'object' });
  built.write('agents/notes.md', 'not a profile');
  built.write('agents/.builder.json.swp.json', 'an editor’s own file');
  const loaded = loadProfiles([built.root]);
  expect(messages(loaded)).toEqual([]);
  expect([...loaded.profiles.keys()]).toEqual(['builder', 'tester']);
  expect([...loaded.workflows.keys()]).toEqual(['small']);
});

test('a later directory extends a profile field by field, joins limits and model, and replaces the rest', () => {
  using built = temporaryProfiles();
  using own = temporaryProfiles();
  built.write('agents/builder.json', profileOf('builder', { capabilities: ['a', 'b'], environment: ['GOPATH'] }));
  own.write('builder.json', {
    $schema: './profile-overlay.schema.json',
    capabilities: ['c'],
    limits: { wall_seconds: 90 },
    model: { tier: 'opus' },
    launcher: { kind: 'command', program: 'my-agent' },
  });
  const { profiles, problems } = loadProfiles([built.root, own.root]);
  expect(problems).toEqual([]);
  const base = profileOf('builder', { environment: ['GOPATH'] });
  expect(profiles.get('builder')).toEqual({
    file: join(own.root, 'builder.json'),
    value: {
      ...base,
      capabilities: ['c'],
      limits: { ...base.limits, wall_seconds: 90 },
      model: { ...base.model, tier: 'opus' },
      launcher: { kind: 'command', program: 'my-agent', args: [] },
    },
  });
});

test('the agent type is the field, or else the name of the file; a workflow is replaced as a whole', () => {
  using built = temporaryProfiles();
  using own = temporaryProfiles();
  built.write('agents/builder.json', profileOf('builder'));
  built.write('workflows/small.json', workflow('small'));
  own.write('agents/anything.json', { agent_type: 'builder', description: 'Mine.' });
  own.write('workflows/small.json', { ...workflow('small'), description: 'Mine.' });
  const { profiles, workflows } = loadProfiles([built.root, own.root]);
  expect(profiles.size).toBe(1);
  expect(profiles.get('builder')?.value.description).toBe('Mine.');
  expect(workflows.get('small')?.value.description).toBe('Mine.');
});

test('whatever is wrong with a file is said with the field, and the other files count', () => {
  using built = temporaryProfiles();
  using own = temporaryProfiles();
  built.write('agents/builder.json', profileOf('builder'));
  own.write('a.json', '{ "agent_type": ');
  own.write('b.json', '[]');
  own.write('builder.json', { authority: 3 });
  own.write('c.json', { agent_type: 'newcomer', name: 'Newcomer' });
  own.write('d.json', { agent_type: 'builder', limits: 'none' });
  own.write('e.json', ' '.repeat(1024 * 1024 + 1));
  own.write('workflows/broken.json', {
    ...workflow('broken'),
    phases: [{ ...workflow('broken').phases[0], findings_to: 'absent' }],
  });
  mkdirSync(join(own.root, 'agents/folder.json'), { recursive: true });
  const loaded = loadProfiles([built.root, own.root]);
  expect(loaded.profiles.get('builder')?.value).toEqual(profileOf('builder'));
  expect([...loaded.profiles.keys()]).toEqual(['builder']);
  expect(messages(loaded)).toEqual([
    'is not a file',
    expect.stringContaining('JSON'),
    'is not a JSON object',
    expect.stringContaining('authority'),
    expect.stringContaining('category: '),
    expect.stringContaining('limits: '),
    'is larger than 1048576 bytes',
    expect.stringContaining("phases.0.findings_to: 'absent' is not an earlier phase"),
  ]);
});

test('a named pipe or a dangling link in the folder neither blocks nor breaks the start', () => {
  using own = temporaryProfiles();
  execFileSync('mkfifo', [join(own.root, 'pipe.json')]);
  symlinkSync(join(own.root, 'nowhere'), join(own.root, 'link.json'));
  const loaded = loadProfiles([own.root]);
  expect(messages(loaded)).toEqual([expect.stringContaining('ENOENT'), 'is not a file']);
});

test('a file broken since counts as it last was, and not at all when it never was good', () => {
  using own = temporaryProfiles();
  const file = own.write('builder.json', profileOf('builder', { description: 'Good.' }));
  const good = loadProfiles([own.root]);
  own.write('builder.json', '{');
  const broken = loadProfiles([own.root], good.lastGood);
  expect(broken.profiles.get('builder')?.value.description).toBe('Good.');
  expect(broken.problems.map((problem) => problem.file)).toEqual([file]);
  // Still there after a second look, and gone for whoever starts with it broken.
  expect(loadProfiles([own.root], broken.lastGood).profiles.has('builder')).toBe(true);
  expect(loadProfiles([own.root]).profiles.has('builder')).toBe(false);
});

test('last good content that no longer fits a changed base is given up and said', () => {
  using built = temporaryProfiles();
  using own = temporaryProfiles();
  built.write('builder.json', profileOf('builder'));
  own.write('builder.json', { permissions: ['publish_events'] });
  const good = loadProfiles([built.root, own.root]);
  built.write('builder.json', profileOf('builder', { category: 'support', permissions: [] }));
  own.write('builder.json', '{');
  const loaded = loadProfiles([built.root, own.root], good.lastGood);
  expect(loaded.profiles.get('builder')?.value.permissions).toEqual([]);
  expect(messages(loaded)).toEqual([expect.any(String), expect.stringContaining('no longer fits')]);
});

test('two files of one directory cannot both define an agent type', () => {
  using own = temporaryProfiles();
  own.write('agents/builder.json', profileOf('builder', { description: 'First.' }));
  own.write('other.json', profileOf('builder', { description: 'Second.' }));
  const loaded = loadProfiles([own.root]);
  expect(loaded.profiles.get('builder')?.value.description).toBe('First.');
  expect(messages(loaded)).toEqual(["agent type 'builder' is already defined by another file of this directory"]);
});

test.each([
  ['a support agent that writes results', { category: 'support', permissions: ['write_results'] }, 'write_results'],
  ['a writer that publishes', { category: 'documentation', permissions: ['publish_events'] }, 'publish_events'],
  ['anybody else who spawns', { category: 'architecture', permissions: ['spawn_agents'] }, 'spawn_agents'],
  ['a coder on the topic of testing', { publishes: [{ topic: 'testing', event_types: ['tests_passing'] }] }, 'testing'],
  [
    'another architect on the topic of architecture',
    { category: 'architecture', publishes: [{ topic: 'architecture', event_types: ['architecture_defined'] }] },
    'architecture',
  ],
  [
    'an agent that speaks as the sidecar',
    { publishes: [{ topic: 'coordination', event_types: ['x'] }] },
    'coordination',
  ],
])('a folder cannot make %s', (_, fields, named) => {
  using own = temporaryProfiles();
  own.write('builder.json', { ...profileOf('builder'), ...fields });
  const loaded = loadProfiles([own.root]);
  expect(loaded.profiles.size).toBe(0);
  expect(messages(loaded)).toEqual([expect.stringContaining(`'${named}'`)]);
});
