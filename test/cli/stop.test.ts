import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { RunningCommand } from './cli-process.ts';
import { Sandbox } from './sandbox.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let sandbox: Sandbox;
let server: RunningCommand;
let url: string;
let headers: Record<string, string>;
beforeEach(async () => {
  sandbox = new Sandbox();
  server = sandbox.start(['serve', '--port', '0'], { cwd: sandbox.repository });
  [, url = ''] = await server.prints(/^Orchestration Sidecar is ready on (\S+)$/m);
  headers = { authorization: `Bearer ${sandbox.operatorToken}` };
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await sandbox[Symbol.asyncDispose]();
});

test('a stop tells everyone who waits to come back, answers them, and ends with 0', async () => {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/trpc`, { headers });
  await once(socket, 'open');
  const told = once(socket, 'message').then(([data]) => JSON.parse(String(data)) as unknown);
  const closed = once(socket, 'close').then(([code]) => code as number);
  const stream = await fetch(`${url}/api/events/stream`, { headers });
  const streamed = stream.text();
  const { next_cursor: cursor } = (await (await fetch(`${url}/api/events?limit=1`, { headers })).json()) as {
    next_cursor: string;
  };
  const waiting = fetch(`${url}/api/events/wait/never?after=${cursor}&timeout=30`, { headers });
  const readers = async (): Promise<string | undefined> =>
    /^sidecar_live_subscriptions (\d+)/m.exec(await (await fetch(`${url}/metrics`, { headers })).text())?.[1];
  await expect.poll(readers, { timeout: 20_000 }).toBe('2');

  const { code, stderr } = await server.stop('SIGTERM');
  expect(await told).toEqual({ id: null, method: 'reconnect' });
  expect(await closed).toBe(1012);
  expect(await streamed).toBeTypeOf('string');
  const answer = await waiting;
  expect({ status: answer.status, body: await answer.json() }).toMatchObject({ status: 200, body: { events: [] } });
  expect({ code, end: stderr.trimEnd().endsWith('Stopped.') }).toEqual({ code: 0, end: true });
  const lines = readFileSync(join(sandbox.dataDir, 'logs', 'sidecar.log'), 'utf8')
    .trimEnd()
    .split('\n');
  expect(lines.slice(-2).map((line) => JSON.parse(line))).toMatchObject([{ msg: 'stopping' }, { msg: 'stopped' }]);
});

test('a call that never ends holds the stop up until a second signal, which ends it at once with 1', async () => {
  const { hostname, port } = new URL(url);
  const held = connect(Number(port), hostname);
  held.on('error', () => {});
  await once(held, 'connect');
  held.write(
    `POST /api/events/work HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: ${headers['authorization']}\r\n` +
      'content-type: application/json\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n',
  );
  // Asked for the rest of its body, so the call is under way.
  await once(held, 'data');
  const insisting = setInterval(() => server.child.kill('SIGTERM'), 300);
  const { code, stderr } = await server.stop('SIGTERM');
  clearInterval(insisting);
  expect(code).toBe(1);
  expect(stderr).toContain('Stopped at once');
  held.destroy();
});
