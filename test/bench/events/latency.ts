import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import { poster, said } from './fan-out.ts';
import { quantile } from './load.ts';
import type { Report } from './report.ts';
import { PADDING, type Target } from './target.ts';

const SUBSCRIBERS = 119;
const EVENTS_PER_SECOND = 100;

/** How long an event takes from its publisher to 119 subscribers at 100 events/s, beside `ws` alone. */
export async function measureLatency(target: Target, seconds: number, report: Report): Promise<void> {
  const server = new WebSocketServer({ port: 0, perMessageDeflate: false });
  await once(server, 'listening');
  const address = server.address();
  const rawUrl = `ws://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  const broadcast = (text: string): Promise<void> => {
    for (const client of server.clients) client.send(text);
    return Promise.resolve();
  };
  const padding = 'x'.repeat(560);
  const post = poster(target);
  const publish = (sentMs: number): Promise<void> =>
    post('/api/events/latency', JSON.stringify({ topic: 'implementation', data: { sentMs, PADDING } }));
  const courses = [
    {
      what: 'raw ws',
      kind: 'raw-parsed',
      url: rawUrl,
      send: (sentMs: number) => broadcast(JSON.stringify({ sentMs, padding })),
    },
    { what: 'sidecar, plain sockets', kind: 'parsed', url: target.url, send: publish },
    { what: 'sidecar, stock @trpc/client', kind: 'stock', url: target.url, send: publish },
  ];
  for (const { what, kind, url, send } of courses) {
    const path = fileURLToPath(new URL('receivers.ts', import.meta.url));
    const receivers = fork(path, [kind, url, target.token, String(SUBSCRIBERS)]);
    await said(receivers, 'ready');
    await send(nowMs());
    await sleep(500);
    receivers.send('count');
    for (let n = 0; n < seconds * EVENTS_PER_SECOND; n += 1) {
      void send(nowMs());
      await sleep(1000 / EVENTS_PER_SECOND);
    }
    await sleep(500);
    receivers.send('report');
    const { latencies } = (await said(receivers, 'counted')) as { latencies: number[] };
    for (const q of [0.5, 0.99]) {
      report.add({ part: 'latency', what: `${what}, p${q * 100}`, value: quantile(latencies, q), unit: 'ms' });
    }
    receivers.disconnect();
  }
  for (const client of server.clients) client.terminate();
  server.close();
}

/** A time that two processes of one machine agree on. */
function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
