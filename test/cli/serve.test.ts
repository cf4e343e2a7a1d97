import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runCommand } from './cli-process.ts';
import { Sandbox } from './sandbox.ts';

// Every step is a process of its own, and a busy machine takes its time to start one.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let sandbox: Sandbox;
let url: string;

beforeAll(async () => {
  sandbox = new Sandbox();
  url = await sandbox.serve();
});
afterAll(() => sandbox[Symbol.asyncDispose]());

describe('sidecar serve', () => {
  it('writes sidecar.json and an operator token that only its user can read', async () => {
    const description: unknown = JSON.parse(readFileSync(join(sandbox.dataDir, 'sidecar.json'), 'utf8'));
    expect(description).toEqual({
      url,
      port: Number(new URL(url).port),
      pid: expect.any(Number),
      version: expect.any(String),
      started_at: expect.any(String),
      socket: null,
      ca_file: null,
    });
    expect(new URL(url).hostname).toBe('127.0.0.1');
    expect(statSync(join(sandbox.dataDir, 'operator.token')).mode & 0o777).toBe(0o600);
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });

  it('registers the repository it was started inside of as the default project', async () => {
    const { projects } = JSON.parse(await sandbox.output('project', 'list', '--json')) as { projects: unknown };
    expect(projects).toMatchObject([{ project_id: 'shop', root: sandbox.repository, default: true }]);
  });

  it('refuses a data directory in use, naming the holder', async () => {
    const { pid } = JSON.parse(readFileSync(join(sandbox.dataDir, 'sidecar.json'), 'utf8')) as { pid: number };
    const { code, stdout, stderr } = await sandbox.run(['serve', '--port', '0']);
    expect({ code, stdout }).toEqual({ code: 5, stdout: '' });
    expect(stderr).toContain(`in use by process ${pid}.`);
  });

  it('refuses a port in use', async () => {
    const dataDir = join(sandbox.directory, 'second');
    const { code, stdout, stderr } = await sandbox.run(['serve', '--port', new URL(url).port, '--data-dir', dataDir]);
    expect({ code, stdout }).toEqual({ code: 5, stdout: '' });
    expect(stderr).toContain(`Another program listens on ${new URL(url).host}.`);
  });

  it.each([
    { args: ['--project', '/nowhere'], says: 'The project /nowhere is not a directory.' },
    { args: ['--project', import.meta.filename], says: 'is not a directory.' },
    { args: ['--profiles', '/nowhere'], says: 'The folder of profiles /nowhere is not a directory.' },
    { args: ['--port', 'many'], says: 'The configuration cannot be used: port' },
    { args: ['--prot', '1'], says: 'Did you mean --port?' },
  ])('refuses $args before anything is created', async ({ args, says }) => {
    const dataDir = join(sandbox.directory, 'third');
    const { code, stdout, stderr } = await sandbox.run(['serve', '--port', '0', '--data-dir', dataDir, ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(says);
    expect(statSync(dataDir, { throwIfNoEntry: false })).toBeUndefined();
  });

  it('takes its settings from the environment and stops cleanly when Ctrl-C arrives twice', async () => {
    const project = join(sandbox.directory, 'plain');
    const dataDir = join(sandbox.directory, 'fourth');
    mkdirSync(project);
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const address = free.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    await new Promise((resolve) => free.close(resolve));

    await using server = sandbox.start(['serve'], {
      cwd: '/',
      env: { SIDECAR_PORT: `${port}`, SIDECAR_HOST: '127.0.0.1', SIDECAR_DATA_DIR: dataDir, SIDECAR_PROJECT: project },
    });
    await server.prints(/ready/);
    expect(server.stdout).toBe(`Orchestration Sidecar is ready on http://127.0.0.1:${port}\n`);
    const listed = await runCommand(['project', 'list', '--json', '--data-dir', dataDir]);
    expect(JSON.parse(listed.stdout)).toMatchObject({
      projects: [{ project_id: 'plain', root: project, default: true }],
    });

    // What npm makes of one key press: the terminal's own and the one it passes on.
    const { code, stderr } = await server.stop('SIGINT', 'SIGINT');
    expect({ code, end: stderr.trimEnd().endsWith('Stopped.') }).toEqual({ code: 0, end: true });
    expect(statSync(join(dataDir, 'sidecar.json'), { throwIfNoEntry: false })).toBeUndefined();
  });

  it('exits with 0 when it is asked to stop before it is ready', async () => {
    await using server = sandbox.start(['serve', '--port', '0', '--data-dir', join(sandbox.directory, 'fifth')]);
    const { stderr } = server.child;
    if (stderr) await once(stderr, 'data');
    const { code, stdout } = await server.stop('SIGTERM');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  });
});
