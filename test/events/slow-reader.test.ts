import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { SidecarEvent } from '@orchestration-sidecar/shared';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { leftOpen, openResources, type OpenResources } from '../support/open-resources.ts';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';
import { stockSocketClient } from '../support/trpc-clients.ts';

const EVENTS = 12_000;
const PADDING = 'x'.repeat(1000);

let sidecar: SidecarUnderTest;
let before: OpenResources;
beforeAll(async () => {
  before = openResources();
  sidecar = await startForTest();
});
afterAll(async () => {
  await sidecar[Symbol.asyncDispose]();
  expect(await leftOpen(before)).toEqual({});
}, 30_000);
afterEach(async () => {
  await expect.poll(subscriptions, { timeout: 10_000 }).toBe(0);
});

const subscriptions = async (): Promise<number> =>
  (await sidecar.call('GET', '/status')).body.events.active_subscriptions;

async function publish(from: number, count: number, padding = PADDING): Promise<void> {
  for (let n = from; n < from + count; n += 500) {
    const events = Array.from({ length: Math.min(500, from + count - n) }, (_, index) => ({
      event_type: 'bulk',
      topic: 'implementation',
      data: { n: n + index, padding },
    }));
    const { status } = await sidecar.call('POST', '/api/events', { body: { events } });
    expect(status).toBe(202);
  }
}

setFlagsFromString('--expose-gc');
const collectGarbage: unknown = runInNewContext('gc');
/** Memory outside of the heap that is still held. */
function externalBytes(): number {
  if (typeof collectGarbage === 'function') collectGarbage();
  return process.memoryUsage().external;
}

/** Memory that is still held, strings of the heap included. */
function heldBytes(): number {
  if (typeof collectGarbage === 'function') collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A client that can stop reading: its socket is in our hands. */
async function pausableClient(): Promise<{ socket: Socket; client: WebSocket; seen: number[] }> {
  const { hostname, port } = new URL(sidecar.url);
  const socket = connect(Number(port), hostname);
  const client = new WebSocket(`ws://${hostname}:${port}/trpc`, {
    createConnection: () => socket,
    headers: { authorization: `Bearer ${sidecar.operatorToken}` },
  });
  const seen: number[] = [];
  client.on('message', (data: Buffer) => {
    const { result } = JSON.parse(data.toString()) as {
      result: { type: string; data?: { json: { data: SidecarEvent } } };
    };
    if (result.data) seen.push(Number(result.data.json.data.data['n']));
  });
  await once(client, 'open');
  const input = { json: { event_type: 'bulk', cursor: 'latest' } };
  client.send(JSON.stringify({ id: 1, method: 'subscription', params: { path: 'events.subscribe', input } }));
  await expect.poll(subscriptions).toBe(1);
  return { socket, client, seen };
}

test('a reader that stops reading costs little, delays nobody, and is caught up without a gap', async () => {
  const { socket, client, seen } = await pausableClient();
  const quick = stockSocketClient(sidecar.url, sidecar.operatorToken);
  const received: number[] = [];
  const subscription = quick.client.subscription(
    'events.subscribe',
    { event_type: 'bulk', cursor: 'latest' },
    { onData: (tracked: unknown) => received.push(Number((tracked as { data: SidecarEvent }).data.data['n'])) },
  );
  await expect.poll(subscriptions).toBe(2);
  socket.pause();
  const before = externalBytes();
  await publish(0, EVENTS);
  await expect.poll(() => received.length, { timeout: 20_000 }).toBe(EVENTS);
  // What was published is 13 MB; on its way to the stalled socket is no more than its high-water mark and one page.
  await expect.poll(() => externalBytes() - before).toBeLessThan(40 * 1024 * 1024);
  expect(seen.length).toBeLessThan(EVENTS);
  socket.resume();
  await expect.poll(() => seen.length, { timeout: 20_000 }).toBe(EVENTS);
  expect(seen).toEqual(Array.from({ length: EVENTS }, (_, n) => n));
  expect(received).toEqual(seen);
  subscription.unsubscribe();
  client.terminate();
  await quick.close();
}, 60_000);

test('regression: each of many subscriptions on a connection that nobody reads kept a page of its own in memory', async () => {
  const body = { topic: 'implementation', data: { padding: 'x'.repeat(900_000) } };
  const { body: start } = await sidecar.call('GET', '/api/events/wait/none?cursor=latest&timeout=0');
  const large = async (): Promise<void> => {
    expect((await sidecar.call('POST', '/api/events/heavy', { body })).status).toBe(202);
  };
  for (let n = 0; n < 4; n += 1) await large();
  const { hostname, port } = new URL(sidecar.url);
  const socket = connect(Number(port), hostname);
  const client = new WebSocket(`ws://${hostname}:${port}/trpc`, {
    createConnection: () => socket,
    headers: { authorization: `Bearer ${sidecar.operatorToken}` },
  });
  await once(client, 'open');
  const OPEN = 100;
  const counts = new Map<number, number>();
  client.on('message', (data: Buffer) => {
    // Events are large: only what stands before them is looked at.
    const id = /^\{"id":(\d+),"result":\{"type":"data"/.exec(data.toString('latin1', 0, 100))?.[1];
    if (id !== undefined) counts.set(Number(id), (counts.get(Number(id)) ?? 0) + 1);
  });
  const before = heldBytes();
  socket.pause();
  const json = { event_type: 'heavy', cursor: start.next_cursor };
  for (let id = 0; id < OPEN; id += 1) {
    client.send(JSON.stringify({ id, method: 'subscription', params: { path: 'events.subscribe', input: { json } } }));
  }
  await expect.poll(subscriptions).toBe(OPEN);
  await large();
  expect(await mostHeld(before)).toBeLessThan(60 * 1024 * 1024);
  socket.resume();
  await expect.poll(() => [...counts.values()].filter((count) => count === 5).length, { timeout: 60_000 }).toBe(OPEN);
  client.terminate();
}, 120_000);

/** A client that counts which of its calls were answered. */
async function callingClient(): Promise<{ socket: Socket; client: WebSocket; answered: Set<number> }> {
  const { hostname, port } = new URL(sidecar.url);
  const socket = connect(Number(port), hostname);
  const client = new WebSocket(`ws://${hostname}:${port}/trpc`, {
    createConnection: () => socket,
    headers: { authorization: `Bearer ${sidecar.operatorToken}` },
  });
  await once(client, 'open');
  const answered = new Set<number>();
  client.on('message', (data: Buffer) => {
    // Some are megabytes: only their heads are looked at.
    const id = /^\{"id":(\d+),"result":/.exec(data.toString('latin1', 0, 100))?.[1];
    if (id !== undefined) answered.add(Number(id));
  });
  return { socket, client, answered };
}

const callsOf = (count: number, path: string, json: object): object[] =>
  Array.from({ length: count }, (_, id) => ({ id, method: 'query', params: { path, input: { json } } }));

/** Most that is held meanwhile, beyond what was. */
async function mostHeld(before: number): Promise<number> {
  let most = 0;
  for (let n = 0; n < 12; n += 1) {
    await sidecar.call('GET', '/health');
    most = Math.max(most, heldBytes() - before);
  }
  return most;
}

test('regression: a message with many calls whose answers nobody reads does not fill the memory', async () => {
  const text = 'x'.repeat(900_000);
  for (let n = 0; n < 6; n += 1) {
    const body = { topic: 'implementation', data: { text } };
    expect((await sidecar.call('POST', '/api/events/huge', { body })).status).toBe(202);
  }
  const { socket, client, answered } = await callingClient();
  const calls = callsOf(30, 'events.list', { event_type: 'huge', limit: 1000 });
  const before = await readings();
  socket.pause();
  client.send(JSON.stringify(calls));
  await expect.poll(readings).toBeGreaterThan(before);
  for (let n = 0; n < 50; n += 1) await sidecar.call('GET', '/health');
  expect((await readings()) - before).toBeLessThan(20);
  socket.resume();
  await expect.poll(() => answered.size).toBe(calls.length);
  client.terminate();
});

test('regression: many requests over HTTP whose answers nobody reads neither fill the memory nor keep others waiting', async () => {
  const body = { topic: 'implementation', data: { text: 'x'.repeat(900_000) } };
  for (let n = 0; n < 3; n += 1) expect((await sidecar.call('POST', '/api/events/large', { body })).status).toBe(202);
  const { hostname, port } = new URL(sidecar.url);
  const socket = connect(Number(port), hostname);
  const answered: string[] = [];
  socket.on('data', (data: Buffer) => answered.push(...(data.toString('latin1').match(/HTTP\/1\.1 \d+/g) ?? [])));
  const request = [
    'GET /api/events?event_type=large&limit=1000 HTTP/1.1',
    'host: localhost',
    `authorization: Bearer ${sidecar.operatorToken}`,
    '\r\n',
  ].join('\r\n');
  const before = await readings();
  socket.pause();
  // What comes in one piece is taken in one turn, so that nothing else is done until all of it is.
  socket.write(request.repeat(40));
  await expect.poll(readings).toBeGreaterThan(before);
  for (let n = 0; n < 50; n += 1) await sidecar.call('GET', '/health');
  expect((await readings()) - before).toBeLessThan(20);
  socket.resume();
  await expect.poll(() => answered.length).toBe(40);
  expect(new Set(answered)).toEqual(new Set(['HTTP/1.1 200']));
  const gone = once(socket, 'close');
  socket.destroy();
  await gone;
});

test('regression: scans that look far do not all keep what they found while they go on', async () => {
  const { body: first } = await sidecar.call('POST', '/api/events/first', { body: { topic: 'implementation' } });
  const body = { topic: 'implementation', data: { text: 'x'.repeat(900_000) } };
  for (let n = 0; n < 6; n += 1) expect((await sidecar.call('POST', '/api/events/early', { body })).status).toBe(202);
  // Out of memory, so that each scan reads them for itself.
  await publish(0, EVENTS, '');
  const { socket, client, answered } = await callingClient();
  const input = { filter: 'event_type:earl*', after: first.cursor, limit: 1000 };
  const calls = callsOf(24, 'events.list', input);
  const before = heldBytes();
  socket.pause();
  client.send(JSON.stringify(calls));
  expect(await mostHeld(before)).toBeLessThan(90 * 1024 * 1024);
  socket.resume();
  await expect.poll(() => answered.size).toBe(calls.length);
  client.terminate();
});

test('regression: a large event that many wait for is not written for all of them before they read', async () => {
  const { socket, client, answered } = await callingClient();
  const calls = callsOf(150, 'events.wait', { event_type: 'late', cursor: 'latest', timeout: 120_000 });
  client.send(JSON.stringify(calls));
  await expect.poll(subscriptions).toBe(calls.length);
  socket.pause();
  const before = heldBytes();
  const body = { topic: 'implementation', data: { text: 'x'.repeat(900_000) } };
  expect((await sidecar.call('POST', '/api/events/late', { body })).status).toBe(202);
  expect(await mostHeld(before)).toBeLessThan(60 * 1024 * 1024);
  socket.resume();
  await expect.poll(() => answered.size).toBe(calls.length);
  client.terminate();
});

/** How many lists of events were answered so far. */
async function readings(): Promise<number> {
  const metrics = await (await fetch(`${sidecar.url}/metrics`)).text();
  const counts = metrics.matchAll(
    /^sidecar_request_duration_seconds_count\{[^}]*procedure="events\.list"[^}]*\} (\d+)$/gm,
  );
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

test('10,000 waits at once are all answered by one event, and leave nothing behind', async () => {
  const WAITS = 10_000;
  const sockets = await Promise.all(
    Array.from({ length: 100 }, async () => {
      const client = new WebSocket(`${sidecar.url.replace('http', 'ws')}/trpc`, {
        headers: { authorization: `Bearer ${sidecar.operatorToken}` },
      });
      await once(client, 'open');
      return client;
    }),
  );
  let answered = 0;
  for (const client of sockets) {
    client.on('message', (data: Buffer) => {
      const { result } = JSON.parse(data.toString()) as { result: { data: { json: { events: unknown[] } } } };
      if (result.data.json.events.length === 1) answered += 1;
    });
    for (let id = 0; id < WAITS / sockets.length; id += 1) {
      const input = { json: { event_type: 'gong', timeout: 120_000 } };
      client.send(JSON.stringify({ id, method: 'query', params: { path: 'events.wait', input } }));
    }
  }
  await expect.poll(subscriptions, { timeout: 30_000 }).toBe(WAITS);
  expect((await sidecar.call('GET', '/health')).status).toBe(200);
  await sidecar.call('POST', '/api/events/gong', { body: { topic: 'implementation' } });
  await expect.poll(() => answered, { timeout: 30_000 }).toBe(WAITS);
  for (const client of sockets) client.terminate();
}, 60_000);

test('waits whose callers hang up are forgotten', async () => {
  const client = new WebSocket(`${sidecar.url.replace('http', 'ws')}/trpc`, {
    headers: { authorization: `Bearer ${sidecar.operatorToken}` },
  });
  await once(client, 'open');
  for (let id = 0; id < 50; id += 1) {
    const input = { json: { event_type: 'never' } };
    client.send(JSON.stringify({ id, method: 'query', params: { path: 'events.wait', input } }));
  }
  await expect.poll(subscriptions).toBe(50);
  client.terminate();
});
