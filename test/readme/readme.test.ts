import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeGitProject } from '../support/git-project.ts';

const root = resolve(import.meta.dirname, '../..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, code = '']) => code);

const home = mkdtempSync(join(tmpdir(), 'sidecar-home-'));
const project = makeGitProject();
const shop = makeGitProject();
const node = ['--conditions=@orchestration-sidecar/source'];
const environment = {
  PATH: process.env['PATH'] ?? '',
  HOME: home,
  // The CLI finds the server as a user’s would, in the default data directory.
};
let server: ChildProcess;
let url: string;

beforeAll(async () => {
  server = spawn(process.execPath, [...node, join(root, 'packages/cli/src/main.ts'), 'serve', '--port', '0'], {
    cwd: project,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [ready] = await once(createInterface(server.stdout ?? process.stdin), 'line');
  url = /http:\/\/\S+/.exec(String(ready))?.[0] ?? '';
}, 30_000);

afterAll(async () => {
  server.kill('SIGTERM');
  if (server.exitCode === null) await once(server, 'exit');
  rmSync(home, { recursive: true, force: true });
  for (const place of [project, shop]) rmSync(place, { recursive: true, force: true });
});

const curlTour = (): string =>
  blocks('bash')
    .filter((block) => block.includes('curl'))
    .join('\n');

/** Runs a block as its reader would, only against this test’s port. */
function bash(script: string, cwd: string): string {
  return execFileSync('bash', ['-euo', 'pipefail', '-c', script.replaceAll('http://127.0.0.1:3001', url)], {
    cwd,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
}

test('the tour with curl', () => {
  const output = bash(curlTour(), project);
  expect(output).toContain('"status":"healthy"');
  expect(output).toContain('"issue_id":"issue-1"');
  expect(output).toContain('"event_type":"api_implemented"');
  expect(output).toContain('"decisions":["Names are optional"]');
  expect(output).toContain('"code":"TOPIC_FORBIDDEN"');
  expect(JSON.parse(readFileSync(join(project, 'context.json'), 'utf8'))).toMatchObject({
    agent_type: 'python-specialist',
  });
});

test('the tour with the SDK, run as it says after the tour with curl', () => {
  const unique = join(root, `tour-${process.pid}.ts`);
  const run = blocks('bash')
    .filter((block) => block.includes('tour.ts'))
    .join('\n');
  expect(run).not.toBe('');
  writeFileSync(unique, blocks('ts')[0] ?? '');
  try {
    const script = `${curlTour()}\ncd '${root}'\n${run.replace('tour.ts', unique)}`;
    // The other test has taken that issue already.
    const output = bash(script.replaceAll('issue-1', 'issue-2'), project);
    expect(output).toMatch(/^\d+ files for Greet by name$/m);
    expect(output).toMatch(/^python-specialist-\S+ said api_implemented$/m);
    expect(output).toMatch(/^next: .*test-engineer/m);
  } finally {
    rmSync(unique);
  }
});

test('the command line finds the running sidecar by itself', () => {
  const commands = blocks('bash').filter((block) => block.startsWith('npm run -s sidecar'));
  const output = bash(commands.join('\n'), root);
  expect(output).toMatch(/\S/);
  expect(output).toMatch(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/m);
});

test('an agent of one’s own, on a repository of one’s own, with the sidecar of the tours still running', () => {
  const own = blocks('bash').find((block) => block.includes('agent.sh')) ?? '';
  const output = bash(own.replaceAll('~/orchestration-sidecar', `'${root}'`), shop);
  expect(output).toMatch(/^python-specialist-\S+$/m);
  const [id = ''] = /^python-specialist-\S+$/m.exec(output) ?? [];
  expect(output).toMatch(new RegExp(`agent_completed .*"agent_id":"${id}"`));
  expect(output).toMatch(/success .*Counted\./);
  expect(readFileSync(join(shop, 'FILES.txt'), 'utf8')).toMatch(/^\s*\d+$/m);
}, 120_000);
