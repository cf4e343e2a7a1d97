import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SidecarError } from '@orchestration-sidecar/shared';
import { afterEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createProfileRegistry, type ProfileChange, type ProfileRegistry } from './profile-registry.ts';
import { profileOf, temporaryProfiles, type TemporaryProfiles } from './temporary-profiles.ts';

const open: Disposable[] = [];
afterEach(() => {
  for (const it of open.splice(0).toReversed()) it[Symbol.dispose]();
});

function folder(): TemporaryProfiles {
  const made = temporaryProfiles();
  open.push(made);
  return made;
}

function registryOf(...directories: string[]): { registry: ProfileRegistry; changes: ProfileChange[] } {
  const changes: ProfileChange[] = [];
  const registry = createProfileRegistry({
    directories,
    clock: systemClock,
    logger: silentLogger,
    settleMs: 5,
    onChange: (change) => changes.push(change),
  });
  registry.read();
  open.push({ [Symbol.dispose]: () => registry.close() });
  return { registry, changes };
}

const PATIENCE = { timeout: 10_000, interval: 5 };
const describes = (registry: ProfileRegistry, text: string | undefined, agentType = 'builder') =>
  vi.waitFor(() => expect(registry.get(agentType)?.description).toBe(text), PATIENCE);

function codeOf(call: () => unknown): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return error instanceof SidecarError ? error.code : String(error);
  }
}

test('answers profiles and workflows by name, and says which one is missing', () => {
  const built = folder();
  built.write('agents/go-pro.json', profileOf('go-pro', { languages: ['go'], authority_level: 4 }));
  built.write('agents/go-builder.json', profileOf('go-builder', { languages: ['go'] }));
  built.write('agents/mobile.json', profileOf('mobile', { languages: ['go', 'dart'], authority_level: 9 }));
  built.write(
    'agents/go-reader.json',
    profileOf('go-reader', { category: 'support', permissions: [], languages: ['go'] }),
  );
  const { registry } = registryOf(built.root);
  expect(registry.list().map(({ agent_type }) => agent_type)).toEqual(['go-builder', 'go-pro', 'go-reader', 'mobile']);
  expect(registry.byCategory('support').map(({ agent_type }) => agent_type)).toEqual(['go-reader']);
  expect(registry.byLanguage('go').map(({ agent_type }) => agent_type)).toEqual(['go-builder', 'go-pro', 'mobile']);
  expect(registry.require('go-pro').agent_type).toBe('go-pro');
  expect(codeOf(() => registry.require('nobody'))).toBe('AGENT_TYPE_NOT_FOUND');
  expect(codeOf(() => registry.requireWorkflow('nothing'))).toBe('WORKFLOW_NOT_FOUND');
});

test('starts with a broken file beside good ones, and takes it up once it is mended', async () => {
  const built = folder();
  const own = folder();
  built.write('agents/builder.json', profileOf('builder', { description: 'Built in.' }));
  const file = own.write('builder.json', '{ "description": ');
  const { registry, changes } = registryOf(built.root, own.root);
  expect(registry.get('builder')?.description).toBe('Built in.');
  expect(registry.problems().map((problem) => problem.file)).toEqual([file]);
  own.write('builder.json', { description: 'Mended.' });
  await describes(registry, 'Mended.');
  expect(registry.problems()).toEqual([]);
  expect(changes).toEqual([{ agentTypes: ['builder'], workflows: [] }]);
});

test('a file that breaks is reported and keeps its last good content; one that goes takes it along', async () => {
  const built = folder();
  const own = folder();
  built.write('agents/builder.json', profileOf('builder', { description: 'Built in.' }));
  const file = own.write('agents/builder.json', { description: 'Mine.' });
  const { registry } = registryOf(built.root, own.root);
  expect(registry.get('builder')?.description).toBe('Mine.');
  own.write('agents/builder.json', 'not JSON');
  await vi.waitFor(() => expect(registry.problems().map((problem) => problem.file)).toEqual([file]), PATIENCE);
  expect(registry.get('builder')?.description).toBe('Mine.');
  rmSync(file);
  await describes(registry, 'Built in.');
  expect(registry.problems()).toEqual([]);
});

test('sees files that an editor replaces by renaming, and later ones too', async () => {
  const own = folder();
  own.write('builder.json', profileOf('builder', { description: '0' }));
  const { registry } = registryOf(own.root);
  for (const description of ['1', '2', '3']) {
    renameSync(own.write('.builder.tmp', profileOf('builder', { description })), join(own.root, 'builder.json'));
    await describes(registry, description);
    expect(registry.problems()).toEqual([]);
  }
});

test('follows a directory that appears, vanishes and comes back', async () => {
  const project = folder();
  const { registry } = registryOf(join(project.root, '.sidecar/profiles'));
  expect(registry.list()).toEqual([]);
  for (const description of ['first', 'second']) {
    project.write('.sidecar/profiles/agents/builder.json', profileOf('builder', { description }));
    await describes(registry, description);
    project.write(
      '.sidecar/profiles/agents/builder.json',
      profileOf('builder', { description: `${description} again` }),
    );
    await describes(registry, `${description} again`);
    rmSync(join(project.root, '.sidecar'), { recursive: true });
    await describes(registry, undefined);
  }
  mkdirSync(join(project.root, '.sidecar'));
  // A whole directory put in place at once.
  project.write('prepared/agents/builder.json', profileOf('builder', { description: 'third' }));
  renameSync(join(project.root, 'prepared'), join(project.root, '.sidecar/profiles'));
  await describes(registry, 'third');
});

test('a problem between files is reported while the profile stays usable', async () => {
  const own = folder();
  const file = own.write(
    'builder.json',
    profileOf('builder', { hand_over: [{ agent_type: 'helper', when: 'success' }] }),
  );
  const { registry } = registryOf(own.root);
  expect(registry.problems()).toEqual([{ file, message: "hand_over: there is no agent type 'helper'" }]);
  const handedIn = { status: 'success' as const, findings: [], next_agents: [] };
  expect(registry.nextAgents('builder', handedIn)).toEqual([]);
  own.write('helper.json', profileOf('helper'));
  await describes(registry, 'For tests.', 'helper');
  expect(registry.problems()).toEqual([]);
  expect(registry.nextAgents('builder', handedIn)).toEqual(['helper']);
});

test('is silent after close, and closing twice is once', async () => {
  const own = folder();
  own.write('builder.json', profileOf('builder'));
  const { registry, changes } = registryOf(own.root);
  const { registry: witness } = registryOf(own.root);
  registry.close();
  registry.close();
  own.write('builder.json', profileOf('builder', { description: 'Later.' }));
  await describes(witness, 'Later.');
  expect(registry.get('builder')?.description).toBe('For tests.');
  expect(changes).toEqual([]);
  registry.reload();
  expect(registry.get('builder')?.description).toBe('Later.');
});
