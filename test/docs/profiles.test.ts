import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Sandbox } from '../cli/sandbox.ts';
import { bashBlocks, Reader } from './tutorial.ts';

test('the tutorial of docs/profiles.md, as its reader would type it', { timeout: 120_000 }, async () => {
  await using sandbox = new Sandbox();
  const reader = new Reader(sandbox);
  const [running = '', ...made] = bashBlocks('profiles.md').toReversed();
  expect(running).toContain('sidecar run');
  reader.type(made.toReversed().join('\n'));
  await sandbox.serve();
  const output = reader.type(running);

  expect(output).toContain('checks: notes');
  expect(output).toMatch(/^release-notes-writer +success +verified +Wrote the notes\.$/m);
  expect(output).toMatch(/✓ resolved in .* {2}Write the notes of this release$/m);
  expect(existsSync(join(sandbox.repository, 'RELEASE_NOTES.md'))).toBe(true);
  const { agents } = JSON.parse(await sandbox.output('agents', 'list', '--json'));
  const outcomes = agents.map((agent: { agent_type: string; outcome: string }) => [agent.agent_type, agent.outcome]);
  expect(Object.fromEntries(outcomes)).toEqual({ 'release-notes-writer': 'verified', 'code-reviewer': 'claimed' });
});
