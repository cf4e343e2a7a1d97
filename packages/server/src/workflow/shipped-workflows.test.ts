import { describe, expect, test } from 'vitest';
import { diligent, ScriptedWorld, type Script } from './scripted-world.ts';

const NAMES = ['bugfix', 'docs-only', 'issue-resolution', 'security-audit'];

/** Reviewers find something in the first rounds, whoever is asked settles it. */
const strict: Script = async (agent) => {
  const asked = [...agent.task.matchAll(/^- (\S+) \[/gm)].flatMap(([, id]) => id ?? []);
  const reviews = ['verification', 'audit', 'review'].some((phase) => agent.key.includes(`/${phase}/`));
  await agent.store({
    status: 'success',
    files_modified: ['a.ts'],
    findings: reviews && agent.round === 1 ? [{ id: `${agent.type}-1`, message: 'mend it' }] : [],
    findings_answered: asked.map((id) => ({ id, answer: 'addressed', reason: 'done' })),
  });
  await agent.complete();
};

describe('the workflows that come with the sidecar', () => {
  test('are these, and nothing is wrong with them', async () => {
    await using world = new ScriptedWorld({ memory: true });
    expect(world.profiles.workflows().map(({ name }) => name)).toEqual(NAMES);
    expect(world.profiles.problems().filter(({ file }) => file.includes('workflows'))).toEqual([]);
  });

  test.for(NAMES)('%s resolves an issue where all goes well', async (name) => {
    await using world = new ScriptedWorld({ memory: true, script: diligent });
    await world.engine.start();
    await world.create('i', name);
    expect(await world.ended('i')).toMatchObject({ status: 'resolved', progress: { round: 1 } });
  });

  test.for(NAMES)('%s settles the findings of its reviewers', async (name) => {
    await using world = new ScriptedWorld({ memory: true, script: strict });
    await world.engine.start();
    await world.create('i', name);
    expect(await world.ended('i')).toMatchObject({ status: 'resolved', progress: { round: 2, open_findings: 0 } });
  });
});
