import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createServer } from 'node:net';
import { createSidecarClient } from '@orchestration-sidecar/sdk';
import { expect, test } from 'vitest';
import { runCommand } from '../cli/cli-process.ts';
import { startForTest } from '../support/sidecar-under-test.ts';

const path = (): string => join(mkdtempSync(join(tmpdir(), 'sidecar-socket-')), 's.sock');

test('the same doors are behind a socket that only its user can open: curl, SDK calls and subscriptions', async () => {
  const socket = path();
  const sidecar = await startForTest({ socket });
  const curl = async (url: string): Promise<string> =>
    (await promisify(execFile)('curl', ['-sS', '--unix-socket', socket, url])).stdout;
  expect(statSync(socket).mode & 0o777).toBe(0o600);
  expect(await curl('http://localhost/health')).toContain('healthy');
  expect(await curl('http://localhost/api/issues')).toContain('"code":"UNAUTHENTICATED"');
  expect(await curl('http://evil.example/health')).toContain('"code":"HOST_FORBIDDEN"');

  const environment = { SIDECAR_SOCKET: socket };
  const client = createSidecarClient({ token: sidecar.operatorToken, environment });
  expect((await client.projects.list()).projects).toHaveLength(1);
  const seen = client.events.subscribe({ event_type: 'over_socket' });
  await client.events.publish({ event_type: 'over_socket', topic: 'coordination' });
  for await (const event of seen) {
    expect(event.event_type).toBe('over_socket');
    break;
  }
  client.close();
  const projects = await runCommand(['project', 'list', '--json', '--socket', socket, '--data-dir', sidecar.dataDir]);
  expect(projects).toMatchObject({ code: 0, stdout: expect.stringContaining('"projects"') });
  await sidecar[Symbol.asyncDispose]();
  expect(existsSync(socket)).toBe(false);
});

test('what a killed sidecar left is removed; what somebody else uses, or is no socket, is not', async () => {
  const used = path();
  const other = createServer();
  await new Promise<void>((listening) => other.listen(used, listening));
  await expect(startForTest({ socket: used })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  other.close();

  const stale = path();
  const script = `require('net').createServer().listen(${JSON.stringify(stale)}, () => process.kill(process.pid, 'SIGKILL'))`;
  expect(() => execFileSync(process.execPath, ['-e', script])).toThrow('Command failed');
  expect(existsSync(stale)).toBe(true);
  const sidecar = await startForTest({ socket: stale });
  await sidecar[Symbol.asyncDispose]();

  const file = path();
  writeFileSync(file, 'precious');
  await expect(startForTest({ socket: file })).rejects.toMatchObject({ code: 'EEXIST' });
  expect(existsSync(file)).toBe(true);
});
