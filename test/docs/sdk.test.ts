import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Sandbox } from '../cli/sandbox.ts';

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/sdk.md'), 'utf8');
const section = page.slice(page.indexOf('## In ten minutes'), page.indexOf('## Setting up'));
const [agent = '', orchestrate = '', own = ''] = [...section.matchAll(/^```ts\n(.*?)^```$/gms)].map(
  ([, code = '']) => code,
);

/** A project that has the packages installed. */
const directory = mkdtempSync(join(tmpdir(), 'sidecar-tutorial-'));
symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
const source = '--conditions=@orchestration-sidecar/source';
let sandbox: Sandbox;
let url: string;
beforeAll(async () => {
  sandbox = new Sandbox();
  url = await sandbox.serve();
}, 120_000);
afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

function run(name: string, code: string, environment: Readonly<Record<string, string>> = {}): string {
  const file = join(directory, name);
  writeFileSync(file, code);
  return execFileSync(process.execPath, [source, file], {
    env: { PATH: process.env['PATH'], HOME: directory, ...environment },
    encoding: 'utf8',
  });
}

test('the table of docs/sdk.md has every option of a client', () => {
  const client = readFileSync(join(root, 'packages/sdk/src/client.ts'), 'utf8');
  const [, body = ''] = /interface SidecarClientOptions \{([^]*?)\n\}/.exec(client) ?? [];
  const options = [...body.matchAll(/^  readonly (\w+)\?/gm)].map(([, name = '']) => name);
  expect(options).toContain('timeoutMs');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  expect(options.filter((name) => !rows.some((row) => row.split('|')[1]?.includes(`\`${name}\``)))).toEqual([]);
});

test('the agent of docs/sdk.md is started by the orchestrator of docs/sdk.md', () => {
  const program = join(directory, 'agent.ts');
  writeFileSync(program, agent);
  const started = orchestrate
    .replace(`program: 'node'`, `program: ${JSON.stringify(process.execPath)}`)
    .replace(`['agent.ts']`, JSON.stringify([source, program]));
  const token = readFileSync(join(sandbox.dataDir, 'operator.token'), 'utf8').trim();
  const output = run('orchestrate.ts', started, { SIDECAR_URL: url, JWT_TOKEN: token });
  expect(output).toMatch(/^implementation_complete$/m);
  expect(output).toMatch(/^true Did: Write the notes$/m);
  expect(readFileSync(join(sandbox.repository, 'NOTES.md'), 'utf8')).toMatch(
    /^Write the notes\n\d+ files were shown\.$/m,
  );
});

test('the test of docs/sdk.md passes', () => {
  expect(run('notes.test.ts', own)).toBe('the cart was reviewed\n');
});
