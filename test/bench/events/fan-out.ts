import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { Socket } from 'node:net';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { WebSocketServer, type WebSocket } from 'ws';
import { startPush } from './others.ts';
import type { Report } from './report.ts';
import { PADDING, type Target } from './target.ts';

const SUBSCRIBERS = 119;
const BATCH_EVENTS = 100;

/** Processes that the subscribers are spread over: one for each core, as far as there are any. */
const PROCESSES = Math.max(1, Math.min(4, availableParallelism()));

/**
 * One publisher, 119 subscribers. `frames` counts what sockets bring, which shows what the server can do; `stock` is
 * 119 clients of `@trpc/client`, whose own work then sets the pace, one event in a message or all that are there. The floors are `ws` broadcasting a prepared string
 * for each event, the same with 100 in a write, the same to clients that parse, and one string for 100 events; beside them
 * what JetStream pushes to clients that count.
 */
export async function measureFanOut(target: Target, seconds: number, report: Report): Promise<void> {
  const post = poster(target);
  const draft = { event_type: 'fan', topic: 'implementation', data: { PADDING } };
  const body = JSON.stringify({ events: Array.from({ length: BATCH_EVENTS }, () => draft) });
  const add = (what: string, value: number, unit: string): void => report.add({ part: 'fan-out', what, value, unit });

  const floors = new Map<string, number>();
  for (const [kind, what] of [
    ['raw-frames', 'raw ws, a send for each event'],
    ['raw-corked', 'raw ws, a send for each event, 100 in a write'],
    ['raw-corked-parsed', 'raw ws, the same, to clients that parse'],
    ['raw-batched', 'raw ws, a send for 100 events'],
  ] as const) {
    const raw = await startRaw(kind);
    const { rate } = await deliveries({ kind, url: raw.url, token: '', publish: () => raw.publish() }, seconds);
    await raw.close();
    floors.set(what, rate);
    add(what, rate, 'deliveries/s');
  }
  try {
    await using push = await startPush(SUBSCRIBERS);
    const text = JSON.stringify({ text: 'x'.repeat(600) });
    const publish = async (): Promise<void> => {
      await Promise.all(Array.from({ length: BATCH_EVENTS }, () => push.publish(text)));
    };
    const what = 'NATS JetStream push, to clients that count';
    const { rate } = await deliveries({ kind: 'push', url: push.url, token: '', publish }, seconds);
    floors.set(what, rate);
    add(what, rate, 'deliveries/s');
  } catch (cause) {
    report.skip(`NATS JetStream push: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  for (const [kind, what] of [
    ['frames', 'sidecar, to sockets that count'],
    ['stock', 'sidecar, to stock @trpc/client'],
    ['stock-lists', 'sidecar, to stock @trpc/client, events.subscribeMany'],
  ] as const) {
    const publish = (): Promise<void> => post('/api/events', body);
    const beforeMs = target.cpuMs();
    const { rate, count } = await deliveries({ kind, url: target.url, token: target.token, publish }, seconds);
    add(what, rate, 'deliveries/s');
    add('  CPU of the sidecar for each delivery', ((target.cpuMs() - beforeMs) * 1000) / count, 'µs');
    for (const [what, floor] of floors) add(`  of ${what}`, rate / floor, 'ratio');
  }
}

interface Course {
  readonly kind: string;
  readonly url: string;
  readonly token: string;
  readonly publish: () => Promise<void>;
}

async function deliveries(course: Course, seconds: number): Promise<{ rate: number; count: number }> {
  const receivers = await startReceivers(course);
  await course.publish();
  for (const each of receivers) each.send('count');
  const startMs = performance.now();
  while (performance.now() - startMs < seconds * 1000) await course.publish();
  const counts = await Promise.all(
    receivers.map(async (each) => {
      each.send('report');
      return ((await said(each, 'counted')) as { count: number }).count;
    }),
  );
  const count = counts.reduce((sum, each) => sum + each, 0);
  const rate = (count * 1000) / (performance.now() - startMs);
  for (const each of receivers) each.disconnect();
  return { rate, count };
}

/** Starts the subscribers; resolves when all have subscribed. */
async function startReceivers({ kind, url, token }: Course): Promise<ChildProcess[]> {
  const path = fileURLToPath(new URL('receivers.ts', import.meta.url));
  const batch = kind === 'raw-batched' ? BATCH_EVENTS : 1;
  const receivers = Array.from({ length: PROCESSES }, (_, n) => {
    const firstOf = (place: number): number => Math.floor((SUBSCRIBERS * place) / PROCESSES);
    return fork(path, [kind, url, token, ...[firstOf(n + 1) - firstOf(n), batch, firstOf(n)].map(String)]);
  });
  await Promise.all(receivers.map((each) => said(each, 'ready')));
  return receivers;
}

/** The floor: 119 sockets get prepared strings, and the next batch when they have drained. */
async function startRaw(kind: string): Promise<{ url: string; publish(): Promise<void>; close(): Promise<void> }> {
  const server = new WebSocketServer({ port: 0, perMessageDeflate: false });
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const sockets = new Map<WebSocket, Socket>();
  server.on('connection', (client, { socket }) => sockets.set(client, socket));
  const tracked = { id: 'x.1', data: { id: 'x.1', data: { text: 'x'.repeat(580) } } };
  const event = JSON.stringify({ id: 1, result: { type: 'data', data: { json: tracked } } });
  const [text, sends] = kind === 'raw-batched' ? [event.repeat(BATCH_EVENTS), 1] : [event, BATCH_EVENTS];
  const frame = Buffer.from(text);
  return {
    url: `ws://127.0.0.1:${port}`,
    async publish() {
      for (const [client, socket] of sockets) {
        if (kind !== 'raw-frames') socket.cork();
        for (let n = 0; n < sends; n += 1) client.send(frame, { binary: false });
        if (kind !== 'raw-frames') socket.uncork();
      }
      do await new Promise(setImmediate);
      while ([...sockets.keys()].some((client) => client.bufferedAmount > 1024 * 1024));
    },
    async close() {
      for (const client of server.clients) client.terminate();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Posts over one kept connection. */
export function poster(target: Target): (path: string, body: string) => Promise<void> {
  const agent = new Agent({ keepAlive: true });
  const headers = { authorization: `Bearer ${target.token}`, 'content-type': 'application/json' };
  return (path, body) =>
    new Promise((resolve, reject) => {
      request(new URL(path, target.url), { method: 'POST', agent, headers }, (answer) => {
        answer.resume().on('end', () => (answer.statusCode === 202 ? resolve() : reject(new Error('refused'))));
      })
        .on('error', reject)
        .end(body);
    });
}

/** What a child says under a name. */
export async function said(child: ChildProcess, name: string): Promise<unknown> {
  for (;;) {
    const [message] = (await once(child, 'message')) as [{ name: string }];
    if (message.name === name) return message;
  }
}
