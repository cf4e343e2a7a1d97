import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { outcomes, sendRaw } from '../support/raw-http.ts';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';
import type { IdleSocketsOrder, IdleSocketsReport } from './idle-sockets.ts';

/** `IDLE_SOCKETS=10000` opens as many as the specification’s attack does. */
const IDLE_SOCKETS = Number(process.env['IDLE_SOCKETS'] ?? 500);
/** Long enough for all of them to be open before the first is closed. */
const HEADERS_TIMEOUT_MS = Math.max(4000, 2 * IDLE_SOCKETS);
const DRIP_MS = HEADERS_TIMEOUT_MS / 20;
const HOST = 'host: 127.0.0.1\r\n';
const SLOWLORIS = `GET /health HTTP/1.1\r\n${HOST}x-a: `;

let sidecar: SidecarUnderTest;
beforeAll(async () => {
  sidecar = await startForTest(
    { maxConnections: IDLE_SOCKETS + 100 },
    {
      connectionTimes: {
        headersTimeoutMs: HEADERS_TIMEOUT_MS,
        requestTimeoutMs: HEADERS_TIMEOUT_MS + 500,
        checkIntervalMs: HEADERS_TIMEOUT_MS / 40,
      },
    },
  );
});
afterAll(() => sidecar[Symbol.asyncDispose]());

/** However it is closed: one that is reset tells of an error as well. */
const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())));

/** Connections of a program of their own that say nothing, or too little too slowly. */
async function openInChild(firstBytes: string, thenEach: string): Promise<void> {
  const child = fork(join(import.meta.dirname, 'idle-sockets.ts'), { execArgv: [] });
  const reports: IdleSocketsReport[] = [];
  child.on('message', (report: IdleSocketsReport) => reports.push(report));
  const reported = (count: number): Promise<void> =>
    expect.poll(() => reports.length >= count || child.exitCode !== null, { timeout: 80_000 }).toBe(true);
  try {
    const port = Number(new URL(sidecar.url).port);
    child.send({ port, count: IDLE_SOCKETS, firstBytes, thenEach, everyMs: DRIP_MS } satisfies IdleSocketsOrder);
    await reported(1);
    expect(reports).toEqual([{ open: IDLE_SOCKETS }]);
    // Connections are accepted in the order they come: when this one is answered, all before it have been.
    expect((await sidecar.call('GET', '/api/issues')).status).toBe(200);
    await reported(2);
    expect(reports.slice(1)).toEqual([{ open: 0 }]);
  } finally {
    child.kill();
  }
}

test(
  `${IDLE_SOCKETS} idle sockets at once, and as many that never end their headers, are closed while others are served`,
  { timeout: 180_000 },
  async () => {
    await openInChild('', '');
    await openInChild(SLOWLORIS, 'b');
    expect((await sidecar.call('GET', '/health', { token: null })).body).toMatchObject({ status: 'healthy' });
  },
);

test('headers and a body that never end are refused as late', async () => {
  const body = `POST /api/issues HTTP/1.1\r\n${HOST}content-type: application/json\r\nauthorization: Bearer ${sidecar.operatorToken}\r\ncontent-length: 100\r\n\r\n{`;
  for (const request of [SLOWLORIS, body]) {
    expect(outcomes(await sendRaw(sidecar.url, request))).toEqual(['408 REQUEST_TIMEOUT']);
  }
});

test('connections beyond the most are closed at once, and there is room again when others leave', async () => {
  await using small = await startForTest({ maxConnections: 16 });
  const port = Number(new URL(small.url).port);
  const all = await Promise.all(
    Array.from({ length: 16 }, async () => {
      const socket = connect(port, '127.0.0.1').resume();
      await once(socket, 'connect');
      return socket;
    }),
  );
  const another = connect(port, '127.0.0.1').resume();
  another.on('error', () => {});
  await closed(another);
  for (const socket of all) socket.destroy();
  const healthy = (): Promise<string> => sendRaw(small.url, `GET /health HTTP/1.1\r\n${HOST}connection: close\r\n\r\n`);
  await expect.poll(async () => outcomes(await healthy())).toEqual(['200']);
});

async function openWebSocket(): Promise<WebSocket> {
  const headers = { authorization: `Bearer ${sidecar.operatorToken}` };
  const socket = new WebSocket(`${sidecar.url.replace('http', 'ws')}/trpc`, { headers });
  await once(socket, 'open');
  return socket;
}

/** Sends requests in batches as large as they may be; answers how each ended. */
async function ask(socket: WebSocket, requests: readonly object[]): Promise<string[]> {
  const codes: string[] = [];
  const all = Promise.withResolvers<void>();
  socket.on('message', (data: Buffer) => {
    const { error, result } = JSON.parse(data.toString());
    codes.push(error?.json.data.problem.code ?? result.type);
    if (codes.length === requests.length) all.resolve();
  });
  for (let from = 0; from < requests.length; from += 500) socket.send(JSON.stringify(requests.slice(from, from + 500)));
  await all.promise;
  socket.removeAllListeners('message');
  return codes;
}

const counted = (codes: readonly string[]): Record<string, number> =>
  Object.fromEntries([...Map.groupBy(codes, (code) => code)].map(([code, { length }]) => [code, length]));

test('one connection has 1,024 calls under way, and 256 subscriptions', async () => {
  const waiting = { path: 'events.wait', input: { json: { event_type: 'never', cursor: 'latest', timeout: 1000 } } };
  const calls = Array.from({ length: 1030 }, (_, id) => ({ id, method: 'query', params: waiting }));
  const caller = await openWebSocket();
  expect(counted(await ask(caller, calls))).toEqual({ data: 1024, RATE_LIMITED: 6 });
  caller.terminate();

  const following = { path: 'events.subscribe', input: { json: { event_type: 'never', cursor: 'latest' } } };
  const subscriptions = Array.from({ length: 260 }, (_, id) => ({ id, method: 'subscription', params: following }));
  const follower = await openWebSocket();
  expect(counted(await ask(follower, subscriptions))).toEqual({ started: 256, RATE_LIMITED: 4 });
  follower.terminate();
});

test('a connection that asks and does not read is not read from, and others are served meanwhile', async () => {
  const socket = await openWebSocket();
  socket.pause();
  // More than the system and the sidecar take in before they wait for what is answered to be read.
  const padding = 'x'.repeat(1000);
  const question = { method: 'query', params: { path: 'no.such' }, padding };
  const batch = JSON.stringify(Array.from({ length: 500 }, (_, id) => ({ id, ...question })));
  for (let n = 0; n < 60; n += 1) socket.send(batch);
  await expect.poll(() => socket.bufferedAmount).toBeGreaterThan(0);
  expect((await sidecar.call('GET', '/api/issues')).status).toBe(200);
  socket.resume();
  await expect.poll(() => socket.bufferedAmount).toBe(0);
  socket.terminate();
});
