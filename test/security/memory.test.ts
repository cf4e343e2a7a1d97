import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { LIMITS } from '@orchestration-sidecar/shared';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { outcomes } from '../support/raw-http.ts';
import { startServer, type ServerUnderTest } from '../support/server-process.ts';

/** Well above what an idle sidecar takes, and below what all bodies that it reads at once take. */
const MAX_MEMORY_MB = 220;
const HELD_PER_CALLER = 8;
const HELD = 32;
const HOST = 'host: 127.0.0.1\r\n';
const UPGRADE =
  'upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';

let server: ServerUnderTest;
beforeAll(async () => {
  server = await startServer({ SIDECAR_MAX_MEMORY_MB: String(MAX_MEMORY_MB) });
  await server.call('POST', '/api/issues', { body: { issue_id: 'issue-1', title: 'Memory' } });
}, 120_000);
/** What the test before left in memory may still be there, and a sidecar short of it gives out no tokens. */
beforeEach(() => expect.poll(() => statusOf('/api/issues'), { timeout: 40_000 }).toBe(200));
afterAll(() => server.stop());

/** A connection, with what came back on it. */
interface Attacker {
  readonly socket: Socket;
  readonly answers: () => string[];
}

async function attack(...bytes: readonly (string | Buffer)[]): Promise<Attacker> {
  let answer = '';
  const socket = connect(server.port, '127.0.0.1').on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  socket.on('error', () => {});
  await once(socket, 'connect');
  for (const each of bytes) socket.write(each);
  return { socket, answers: () => outcomes(answer) };
}

const most = Buffer.alloc(LIMITS.maxBodyBytes - 1000, ' ');
const headOf = (path: string, token: string | null, length = `content-length: ${LIMITS.maxBodyBytes}`): string =>
  `POST ${path} HTTP/1.1\r\n${HOST}content-type: application/json\r\n${length}\r\n` +
  `${token === null ? '' : `authorization: Bearer ${token}\r\n`}\r\n`;
const mint = async (): Promise<string> => {
  const { status, body } = await server.call('POST', '/api/tokens', { body: { agent_type: 'python-specialist' } });
  expect([status, body.code]).toEqual([200, undefined]);
  return body.token;
};
const statusOf = async (path: string): Promise<number> => (await server.call('GET', path)).status;

test('large bodies of nobody, of a forged token and of somebody who may not are refused before they are read', async () => {
  const { body } = await server.call('POST', '/api/tokens', { body: { agent_type: 'context-manager' } });
  for (const [token, path, refusal] of [
    [null, '/api/results', '401 UNAUTHENTICATED'],
    [null, '/trpc/results.store', '401 UNAUTHENTICATED'],
    [null, '/nothing', '401 UNAUTHENTICATED'],
    ['a.b.c', '/api/results', '401 TOKEN_INVALID'],
    [body.token, '/api/results', '403 PERMISSION_DENIED'],
  ] as const) {
    const attacker = await attack(headOf(path, token));
    await expect.poll(attacker.answers).toEqual([refusal]);
    const chunked = await attack(headOf(path, token, 'transfer-encoding: chunked'));
    await expect.poll(chunked.answers).toEqual([refusal]);
    attacker.socket.destroy();
    chunked.socket.destroy();
  }
});

test('a large message of nobody is not waited for, and neither are many small pieces of one', async () => {
  // Longest frame, of which the end never comes; and fragments of a byte each.
  const announced = Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0x3f, 0xff, 0xff, 0, 0, 0, 0]);
  const first = Buffer.from([0x01, 0x81, 0, 0, 0, 0, 0x20]);
  const further = Buffer.from([0x00, 0x81, 0, 0, 0, 0, 0x20]);
  for (const message of [
    [announced, most],
    [first, ...Array.from({ length: 5000 }, () => further)],
  ]) {
    const { socket } = await attack(`GET /trpc HTTP/1.1\r\n${HOST}${UPGRADE}\r\n`, ...message);
    await expect.poll(() => socket.closed).toBe(true);
  }
});

test('a message as large as may be comes in from somebody who is known, between pings', async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/trpc`, {
    headers: { authorization: `Bearer ${await mint()}` },
  });
  await once(socket, 'open');
  const data = { padding: 'x'.repeat(900_000) };
  const input = { json: { event_type: 'large', topic: 'implementation', data } };
  for (let id = 1; id <= 3; id += 1) {
    const answered = once(socket, 'message');
    socket.ping();
    socket.send(JSON.stringify({ id, method: 'mutation', params: { path: 'events.publish', input } }));
    socket.ping();
    expect(String((await answered)[0])).toContain('"event_id"');
  }
  socket.terminate();
});

test('a caller holds no more than its part of the room for bodies, and has it again when it is done', async () => {
  const token = await mint();
  const held = await Promise.all(Array.from({ length: HELD_PER_CALLER }, () => attack(headOf('/api/results', token))));
  const further = async (): Promise<string | undefined> => {
    const { socket, answers } = await attack(headOf('/api/results', token), most, ' '.repeat(1000));
    await expect.poll(answers).toHaveLength(1);
    socket.destroy();
    return answers()[0];
  };
  await expect.poll(further).toBe('429 RATE_LIMITED');
  for (const { socket } of held) socket.destroy();
  // Read to its end: blanks are no JSON.
  await expect.poll(further).toBe('400 JSON_INVALID');
});

test('short of memory by real requests, the sidecar sheds, keeps what is essential alive, and recovers', async () => {
  const tokens = await Promise.all(Array.from({ length: HELD / HELD_PER_CALLER }, mint));
  expect(await statusOf('/api/issues')).toBe(200);
  // Results are essential: their bodies are read also when memory is scarce.
  const held = await Promise.all(
    Array.from({ length: HELD }, (_, n) => attack(headOf('/api/results', tokens[n % tokens.length] ?? null), most)),
  );
  await expect.poll(() => statusOf('/api/issues')).toBe(503);
  const shed = await server.call('GET', '/api/issues');
  expect([shed.body.code, shed.body.retryable, shed.headers.get('retry-after')]).toEqual(['OVERLOADED', true, '1']);
  expect(await statusOf('/health')).toBe(200);
  const [token = ''] = tokens;
  const refreshed = await server.call('POST', '/api/tokens/refresh', { token, body: {} });
  expect(refreshed.status).toBe(200);
  const result = { issue_id: 'issue-1', agent_type: 'python-specialist', result: { status: 'success' } };
  const stored = await server.call('POST', '/api/results', { token: refreshed.body.token, body: result });
  expect(stored.status).toBe(201);
  for (const { socket } of held) socket.destroy();
  await expect.poll(() => statusOf('/api/issues'), { timeout: 40_000 }).toBe(200);
});

test('bodies in pieces of a byte take no more memory than their bytes', async () => {
  const pieces = '1\r\n \r\n'.repeat(500_000);
  const attackers = await Promise.all(
    Array.from({ length: HELD_PER_CALLER }, async () => {
      const token = await mint();
      return attack(headOf('/api/results', token, 'transfer-encoding: chunked'), pieces, '0\r\n\r\n');
    }),
  );
  await expect
    .poll(() => attackers.flatMap(({ answers }) => answers()), { timeout: 60_000 })
    .toEqual(Array.from({ length: HELD_PER_CALLER }, () => '400 JSON_INVALID'));
  for (const { socket } of attackers) socket.destroy();
  const peakMb = Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]) / 1024;
  // Kept one by one they take a gigabyte.
  expect(peakMb).toBeLessThan(800);
});
