import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import type { Report } from './report.ts';
import { PADDING, type Target } from './target.ts';

const SUBSCRIBERS = 119;
const BATCH_EVENTS = 100;

/**
 * One publisher, 119 subscribers. `frames` counts what sockets bring, which shows what the server can do; `stock` is
 * 119 clients of `@trpc/client`, whose own work then sets the pace. The floor is `ws` broadcasting prepared strings.
 */
export async function measureFanOut(target: Target, seconds: number, report: Report): Promise<void> {
  const post = poster(target);
  const events = Array.from({ length: BATCH_EVENTS }, () => ({
    event_type: 'fan',
    topic: 'implementation',
    data: { PADDING },
  }));
  const body = JSON.stringify({ events });
  const publish = async (): Promise<void> => {
    await post('/api/events', body);
  };
  const raw: Record<string, number> = {};
  for (const receiver of ['frames', 'stock'] as const) {
    const batched = receiver === 'frames';
    raw[receiver] = await measure(
      report,
      `raw ws, one send a frame (${receiver === 'stock' ? 'JSON.parse each' : receiver})`,
      seconds,
      {
        kind: batched ? 'raw-frames' : 'raw-parsed',
        url: '',
      },
    );
    const before = target.cpuMs();
    const rate = await measure(report, `sidecar (${receiver})`, seconds, {
      kind: receiver,
      url: target.url,
      token: target.token,
      publish,
    });
    report.add({
      part: 'fan-out',
      what: `  sidecar CPU for each delivery (${receiver})`,
      value: ((target.cpuMs() - before) * 1000) / (rate * seconds),
      unit: 'µs',
    });
    report.add({
      part: 'fan-out',
      what: `  sidecar / raw ws (${receiver})`,
      value: rate / raw[receiver],
      unit: 'ratio',
    });
  }
}

interface Course {
  readonly kind: 'raw-frames' | 'raw-parsed' | 'frames' | 'stock';
  readonly url: string;
  readonly token?: string;
  readonly publish?: () => Promise<void>;
}

async function measure(report: Report, what: string, seconds: number, course: Course): Promise<number> {
  const raw = course.publish === undefined ? await startRaw() : undefined;
  const receivers = fork(fileURLToPath(new URL('receivers.ts', import.meta.url)), [
    course.kind,
    raw?.url ?? course.url,
    course.token ?? '',
    String(SUBSCRIBERS),
  ]);
  await said(receivers, 'ready');
  const publish = course.publish ?? raw?.publish ?? (() => Promise.resolve());
  await publish();
  receivers.send('count');
  const startMs = performance.now();
  while (performance.now() - startMs < seconds * 1000) await publish();
  receivers.send('report');
  const { count } = (await said(receivers, 'counted')) as { count: number };
  const rate = (count * 1000) / (performance.now() - startMs);
  receivers.disconnect();
  await raw?.close();
  report.add({ part: 'fan-out', what, value: rate, unit: 'deliveries/s' });
  return rate;
}

/** The floor: 119 sockets get one prepared string for each event, and the next batch when they have drained. */
async function startRaw(): Promise<{ url: string; publish(): Promise<void>; close(): Promise<void> }> {
  const server = new WebSocketServer({ port: 0, perMessageDeflate: false });
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const frame = JSON.stringify({
    id: 1,
    result: { type: 'data', data: { json: { id: 'x.1', data: { text: 'x'.repeat(560) } } } },
  });
  return {
    url: `ws://127.0.0.1:${port}`,
    async publish() {
      for (let n = 0; n < BATCH_EVENTS; n += 1) for (const client of server.clients) client.send(frame);
      do await new Promise(setImmediate);
      while ([...server.clients].some((client) => client.bufferedAmount > 1024 * 1024));
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
