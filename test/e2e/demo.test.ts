import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeGitProject } from '../support/git-project.ts';
import { processesWith } from '../support/process-list.ts';

const root = resolve(import.meta.dirname, '../..');
const scratch = mkdtempSync(join(tmpdir(), 'demo-test-'));
const projects = [makeGitProject(), makeGitProject()] as const;
afterAll(() => {
  for (const place of [scratch, ...projects]) rmSync(place, { recursive: true, force: true });
});

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the demo to its end, its files in `place`; `onOutput` is told all that it has printed so far. */
async function runDemo(
  repository: string,
  onOutput: (stdout: string, demo: ChildProcess) => void = () => {},
  place = scratch,
): Promise<Ended> {
  const args = ['--conditions=@orchestration-sidecar/source', resolve(root, 'demo/main.ts'), '--project', repository];
  const demo = spawn(process.execPath, args, { env: { ...process.env, TMPDIR: place } });
  const said = { stdout: '', stderr: '' };
  demo.stdout.setEncoding('utf8').on('data', (text: string) => onOutput((said.stdout += text), demo));
  demo.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  await once(demo, 'close');
  return { status: demo.exitCode, ...said };
}

test.concurrent(
  'the demo resolves an issue on any git repository, says so with its exit code and leaves nothing behind',
  { timeout: 180_000 },
  async () => {
    const demo = await runDemo(projects[0]);
    expect(demo.stdout).toContain('✔ the issue is resolved');
    expect(demo.stdout).not.toContain('✘');
    expect(demo.stderr).not.toMatch(/error/i);
    expect(demo.status).toBe(0);
    expect(readdirSync(scratch)).not.toContain(workDirectoryIn(demo));
  },
);

test.concurrent('a demo that cannot work fails in words, and leaves nothing behind', async () => {
  const place = mkdtempSync(join(scratch, 'empty-'));
  const { status, stderr } = await runDemo('/no/such/repository', undefined, place);
  expect({ status, stderr }).toEqual({ status: 1, stderr: '/no/such/repository is not a git repository.\n' });
  expect(readdirSync(place)).toEqual([]);
});

test.concurrent('a demo that is interrupted stops its agents and leaves nothing behind', async () => {
  const demo = await runDemo(projects[1], (stdout, running) => {
    if (stdout.includes('agent_spawned') && !running.killed) running.kill('SIGINT');
  });
  expect(demo).toMatchObject({ status: 130, stdout: expect.stringContaining('Stopped after') });
  expect(readdirSync(scratch)).not.toContain(workDirectoryIn(demo));
  expect(processesWith(workDirectoryIn(demo))).toEqual([]);
});

/** Name of the folder that a demo worked in, as its sidecar told. */
function workDirectoryIn({ stderr }: Ended): string {
  const [name = ''] = /sidecar-demo-\w+/.exec(stderr) ?? [];
  expect(name).not.toBe('');
  return name;
}
