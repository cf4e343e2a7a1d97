import { once } from 'node:events';
import { WebSocket } from 'ws';
import { createSidecarClient } from '@orchestration-sidecar/sdk';
import { poster } from './fan-out.ts';
import type { Report } from './report.ts';
import { PADDING, type Target } from './target.ts';

const BATCH_EVENTS = 500;
/** Events that the SDK’s reader takes: its own work is what is measured. */
const SDK_EVENTS = 100_000;

/** A reader that is a backlog behind: how fast it is caught up, and what that costs the server in memory. */
export async function measureCatchUp(target: Target, backlog: number, report: Report): Promise<void> {
  const post = poster(target);
  const events = Array.from({ length: BATCH_EVENTS }, () => ({
    event_type: 'past',
    topic: 'implementation',
    data: { PADDING },
  }));
  const body = JSON.stringify({ events });
  for (let n = 0; n < backlog; n += BATCH_EVENTS) await post('/api/events', body);
  const before = target.memoryBytes();
  let peak = before;
  let count = 0;
  const watching = setInterval(() => (peak = Math.max(peak, target.memoryBytes())), 20);
  const client = new WebSocket(`${target.url.replace('http', 'ws')}/trpc`, {
    headers: { authorization: `Bearer ${target.token}` },
  });
  await once(client, 'open');
  const startMs = performance.now();
  client.send(
    JSON.stringify({ id: 1, method: 'subscription', params: { path: 'events.subscribe', input: { json: {} } } }),
  );
  await new Promise<void>((resolve) => {
    client.on('message', () => {
      count += 1;
      if (count > backlog) resolve();
    });
  });
  const seconds = (performance.now() - startMs) / 1000;
  clearInterval(watching);
  client.terminate();
  report.add({
    part: 'catch-up',
    what: `one reader ${backlog.toLocaleString('en')} events behind`,
    value: backlog / seconds,
    unit: 'events/s',
  });
  report.add({
    part: 'catch-up',
    what: '  memory of the server beyond what it had before',
    value: (peak - before) / 1024 / 1024,
    unit: 'MiB',
  });
  await measureSdk(target, Math.min(backlog, SDK_EVENTS), report);
}

/** The SDK’s `events.subscribe`, from the oldest event on, in this process. */
async function measureSdk({ url, token }: Target, count: number, report: Report): Promise<void> {
  const client = createSidecarClient({ url, token });
  const startMs = performance.now();
  const used = process.cpuUsage();
  let read = 0;
  for await (const event of client.events.subscribe({})) {
    if (event.event_type === 'past') read += 1;
    if (read === count) break;
  }
  const { user, system } = process.cpuUsage(used);
  client.close();
  const add = (what: string, value: number, unit: string): void => report.add({ part: 'catch-up', what, value, unit });
  add(
    `the SDK, the oldest ${count.toLocaleString('en')} of them`,
    (count * 1000) / (performance.now() - startMs),
    'events/s',
  );
  add('  CPU of its process for each', (user + system) / count, 'µs');
}
