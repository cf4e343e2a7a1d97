import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { makeGitProject } from '../support/git-project.ts';

const root = resolve(import.meta.dirname, '../..');

test('the demo resolves an issue on any git repository, and says so with its exit code', { timeout: 180_000 }, () => {
  const project = makeGitProject();
  const demo = spawnSync(
    process.execPath,
    ['--conditions=@orchestration-sidecar/source', resolve(root, 'demo/main.ts'), '--project', project],
    { encoding: 'utf8' },
  );
  expect(demo.stdout).toContain('✔ the issue is resolved');
  expect(demo.stdout).not.toContain('✘');
  expect(demo.stderr).not.toMatch(/error/i);
  expect(demo.status).toBe(0);
});

test('a demo that cannot work fails', () => {
  const demo = spawnSync(
    process.execPath,
    ['--conditions=@orchestration-sidecar/source', resolve(root, 'demo/main.ts'), '--project', '/no/such/repository'],
    { encoding: 'utf8' },
  );
  expect(demo.status).toBe(1);
});
