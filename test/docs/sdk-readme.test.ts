import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { startTestSidecar } from '@orchestration-sidecar/sdk/testing';
import { afterAll, expect, test } from 'vitest';
import { blocksOf } from './tutorial.ts';

const root = resolve(import.meta.dirname, '../..');
const SOURCE = '--conditions=@orchestration-sidecar/source';

/** A project that has the packages installed. */
const directory = mkdtempSync(join(tmpdir(), 'sidecar-readme-'));
symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Runs a program as somebody who has the packages installed. */
async function execute(name: string, code: string): Promise<string> {
  const file = join(directory, `${name}.ts`);
  writeFileSync(file, code);
  const env = { PATH: process.env['PATH'], HOME: directory };
  return (await promisify(execFile)(process.execPath, [SOURCE, file], { cwd: directory, env })).stdout;
}

test('the client of packages/sdk/README.md starts its agent, and its stock tRPC client sees the sidecar', async () => {
  const [agent = '', client = '', trpc = ''] = blocksOf(
    readFileSync(join(root, 'packages/sdk/README.md'), 'utf8'),
    'ts',
  );
  const program = join(directory, 'agent.sh');
  writeFileSync(join(directory, 'agent.ts'), agent);
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${SOURCE}' '${join(directory, 'agent.ts')}'\n`);
  chmodSync(program, 0o755);
  await using sidecar = await startTestSidecar({ settings: { agentProgram: program } });
  // What the agent waits for, from whoever reviews.
  await sidecar.client.events.publish({ event_type: 'code_review_complete', topic: 'review', data: { findings: 0 } });
  const here = (code: string): string =>
    `const token = ${JSON.stringify(sidecar.operatorToken)};\n${code.replaceAll('http://127.0.0.1:3001', sidecar.url)}`;
  const imports = `import { createSidecarClient } from '@orchestration-sidecar/sdk';\n`;
  expect(await execute('client', imports + here(client))).toMatch(/implementation_started[^]*agent_completed/);
  const { results } = await sidecar.client.results.list({});
  expect(results[0]?.result.summary).toBe('Did: Add a cart to the shop.');
  expect(await execute('trpc', `${here(trpc)}\nconsole.log(health.status);\n`)).toBe('healthy\n');
}, 60_000);
