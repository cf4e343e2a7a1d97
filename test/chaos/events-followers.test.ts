import { createSidecarClient } from '@orchestration-sidecar/sdk';
import { expect, onTestFinished, test } from 'vitest';
import { startChaosProxy } from '../../packages/sdk/src/chaos-proxy.ts';
import { leftOpen, openResources } from '../support/open-resources.ts';
import { startForTest } from '../support/sidecar-under-test.ts';

const FOLLOWERS = 119;
const EVENTS = 300;

test('119 followers behind a network that cuts, stalls and half-closes get every event once and in order, and leave nothing', async () => {
  // The sidecar runs in this process, so that what either side leaves behind is counted here.
  const before = openResources();
  const sidecar = await startForTest();
  onTestFinished(() => sidecar[Symbol.asyncDispose]());
  const proxy = await startChaosProxy(Number(new URL(sidecar.url).port));
  expect((await sidecar.call('GET', '/status')).status).toBe(200);
  // The thread that copies the write-ahead log starts with the first log that is worth it, and stays.
  const threads = () => openResources().get('MessagePort') ?? 0;
  const withoutIt = threads();
  for (let n = 0; n < 2; n += 1) {
    const body = { topic: 'implementation', data: { text: 'x'.repeat(800_000) } };
    expect((await sidecar.call('POST', '/api/events/warm-up', { body })).status).toBe(202);
  }
  await expect.poll(threads).toBe(withoutIt + 1);
  const idle = openResources();
  const clients = Array.from({ length: FOLLOWERS }, () =>
    createSidecarClient({ url: proxy.url, token: sidecar.operatorToken, heartbeatMs: 500 }),
  );
  const received = clients.map((client) => {
    const seen: unknown[] = [];
    void (async () => {
      for await (const event of client.events.subscribe({ event_type: 'chaos' })) seen.push(event.data['n']);
    })();
    return seen;
  });
  const tricks = [proxy.cut, proxy.stall, proxy.flow, proxy.halfClose, proxy.flow];
  for (let n = 0; n < EVENTS; n += 1) {
    const { status } = await sidecar.call('POST', '/api/events/chaos', {
      body: { topic: 'implementation', data: { n } },
    });
    expect(status).toBe(202);
    if (n % 50 === 25) tricks[Math.floor(n / 50) % tricks.length]?.();
  }
  proxy.flow();
  const expected = Array.from({ length: EVENTS }, (_, n) => n);
  await expect
    .poll(() => received.every((seen) => seen.length >= EVENTS), { timeout: 60_000, interval: 100 })
    .toBe(true);
  for (const seen of received) expect(seen).toEqual(expected);

  for (const client of clients) client.close();
  const open = async () => (await sidecar.call('GET', '/status')).body.events.active_subscriptions;
  await expect.poll(open, { timeout: 20_000 }).toBe(0);
  await expect.poll(() => proxy.connections, { timeout: 20_000 }).toBe(0);
  expect(await leftOpen(idle)).toEqual({});
  await proxy.close();
  await sidecar.stop();
  expect(await leftOpen(before)).toEqual({});
}, 120_000);
