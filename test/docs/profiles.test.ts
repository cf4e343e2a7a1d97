import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { ensureBundled } from '../../scripts/bundle.mjs';
import { Sandbox } from '../cli/sandbox.ts';

const page = readFileSync(resolve(import.meta.dirname, '../../docs/profiles.md'), 'utf8');
const blocks = [...page.matchAll(/^```bash\n(.*?)^```$/gms)].map(([, code = '']) => code);

test('the tutorial of docs/profiles.md, as its reader would type it', { timeout: 120_000 }, async () => {
  await using sandbox = new Sandbox();
  const bin = join(sandbox.directory, 'bin');
  mkdirSync(bin);
  const sidecar = join(bin, 'sidecar');
  writeFileSync(sidecar, `#!/bin/sh\nexec '${process.execPath}' '${ensureBundled(process.execPath)}' "$@"\n`);
  chmodSync(sidecar, 0o755);
  const type = (script: string): string =>
    execFileSync('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: sandbox.repository,
      env: { PATH: `${bin}:${process.env['PATH']}`, HOME: sandbox.directory, SIDECAR_DATA_DIR: sandbox.dataDir },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });

  const [running = '', ...made] = blocks.toReversed();
  expect(running).toContain('sidecar run');
  type(made.toReversed().join('\n'));
  await sandbox.serve();
  const output = type(running);

  expect(output).toContain('checks notes: grep -q');
  expect(output).toMatch(/^release-notes-writer +success +Wrote the notes\.$/m);
  expect(output).toMatch(/✓ resolved in .* {2}Write the notes of this release$/m);
  expect(existsSync(join(sandbox.repository, 'RELEASE_NOTES.md'))).toBe(true);
  const { agents } = JSON.parse(await sandbox.output('agents', 'list', '--json'));
  const outcomes = agents.map((agent: { agent_type: string; outcome: string }) => [agent.agent_type, agent.outcome]);
  expect(Object.fromEntries(outcomes)).toEqual({ 'release-notes-writer': 'verified', 'code-reviewer': 'claimed' });
});
