import { expect, it, onTestFinished } from 'vitest';
import { startChaosProxy } from './chaos-proxy.ts';
import { createSidecarClient, type SidecarEvent, type Subscription } from './index.ts';
import { startTestSidecar, until } from './test-sidecar.ts';

const FOLLOWERS = 12;
const EVENTS = 250;
/** Chosen once; another seed is another course of events. */
const SEED = 20_261_123;

it('hands every event to every follower once and in order over a network that cuts, stalls and half-closes', async () => {
  const sidecar = await startTestSidecar();
  onTestFinished(() => sidecar.stop());
  const proxy = await startChaosProxy(sidecar.port);
  onTestFinished(() => proxy.close());
  const random = seeded(SEED);
  const operator = createSidecarClient({ url: sidecar.url, token: sidecar.operatorToken });
  const through = { url: proxy.url, token: sidecar.operatorToken, heartbeatMs: 150 };
  const clients = Array.from({ length: FOLLOWERS }, () => createSidecarClient(through));
  const received = clients.map((client, index) => {
    // Some read slowly, so that they are paused and caught up meanwhile.
    const slow = index % 4 === 0;
    const seen: unknown[] = [];
    const subscription = client.events.subscribe({ event_type: 'chaos' }, { maxBuffered: slow ? 16 : 1024 });
    void read(subscription, seen, slow);
    return seen;
  });

  const tricks = [
    proxy.cut,
    proxy.halfClose,
    proxy.stall,
    proxy.flow,
    () => proxy.refuse(true),
    () => proxy.refuse(false),
  ];
  for (let n = 0; n < EVENTS; n++) {
    await operator.events.publish({ event_type: 'chaos', data: { n } });
    if (n % 8 === 0) tricks[Math.floor(random() * tricks.length)]?.();
  }
  proxy.flow();
  proxy.refuse(false);

  await until(() => received.every((seen) => seen.length >= EVENTS));
  const expected = Array.from({ length: EVENTS }, (_, n) => n);
  for (const seen of received) expect(seen).toEqual(expected);

  for (const client of [...clients, operator]) client.close();
  await until(() => proxy.connections === 0);
}, 120_000);

async function read(subscription: Subscription<SidecarEvent>, seen: unknown[], slow: boolean): Promise<void> {
  for await (const event of subscription) {
    seen.push(event.data['n']);
    if (slow) await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Numbers from 0 up to 1, the same for the same seed (a linear congruential generator). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}
