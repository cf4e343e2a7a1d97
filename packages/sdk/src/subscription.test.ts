import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { builtInWebSocket } from './platform/platform.ts';
import { startChaosProxy, type ChaosProxy } from './chaos-proxy.ts';
import {
  createSidecarClient,
  isGapError,
  type SidecarClient,
  type SidecarEvent,
  type Subscription,
  type SubscriptionState,
} from './index.ts';
import { startTestSidecar, until, type TestSidecar } from './test-sidecar.ts';

let sidecar: TestSidecar;
let operator: SidecarClient;
let proxy: ChaosProxy;
let client: SidecarClient;

beforeAll(async () => {
  sidecar = await startTestSidecar();
  operator = createSidecarClient({ url: sidecar.url, token: sidecar.operatorToken });
}, 90_000);

afterAll(async () => {
  operator.close();
  await sidecar.stop();
});

beforeEach(async () => {
  proxy = await startChaosProxy(sidecar.port);
  client = createSidecarClient({ url: proxy.url, token: sidecar.operatorToken, heartbeatMs: 200 });
});

afterEach(async () => {
  client.close();
  await proxy.close();
});

/** Publishes events of a type, numbered from `first`. */
async function publish(event_type: string, first: number, count: number): Promise<void> {
  for (let n = first; n < first + count; n++) await operator.events.publish({ event_type, data: { n } });
}

/** Reads events in the background. */
function collect(subscription: Subscription<SidecarEvent>): { numbers: unknown[]; done: Promise<unknown> } {
  const numbers: unknown[] = [];
  const read = async (): Promise<void> => {
    for await (const event of subscription) numbers.push(event.data['n']);
  };
  return {
    numbers,
    done: read().then(
      () => 'ended',
      (error: unknown) => error,
    ),
  };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe('subscribe', () => {
  it('hands out what is retained, then what is published', async () => {
    await publish('tail', 0, 3);
    const subscription = client.events.subscribe({ event_type: 'tail' });
    const { numbers } = collect(subscription);
    await subscription.opened();
    await publish('tail', 3, 3);
    await until(() => numbers.length === 6);
    expect(numbers).toEqual(upTo(6));
  });

  it('goes on where another subscription stopped', async () => {
    await publish('cursor', 0, 5);
    const first = client.events.subscribe({ event_type: 'cursor' });
    for await (const event of first) if (event.data['n'] === 2) break;
    expect(first.state).toBe('ended');
    const { numbers } = collect(client.events.subscribe({ event_type: 'cursor', cursor: first.cursor }));
    await until(() => numbers.length === 2);
    expect(numbers).toEqual([3, 4]);
  });

  it('ends without an error when its signal aborts or it is closed', async () => {
    const controller = new AbortController();
    const aborted = collect(client.events.subscribe({}, { signal: controller.signal }));
    const subscription = client.events.subscribe();
    const closed = collect(subscription);
    controller.abort();
    subscription.close();
    expect(await aborted.done).toBe('ended');
    expect(await closed.done).toBe('ended');
    const late = client.events.subscribe({}, { signal: controller.signal });
    expect(await collect(late).done).toBe('ended');
    await expect(late.opened()).rejects.toMatchObject({ code: 'CLIENT_CLOSED' });
  });

  it('throws what the sidecar refuses', async () => {
    const subscription = client.events.subscribe({ filter: 'nonsense' });
    expect(await collect(subscription).done).toMatchObject({ code: 'FILTER_INVALID' });
    await expect(subscription.opened()).rejects.toMatchObject({ code: 'FILTER_INVALID' });
    const stranger = createSidecarClient({ url: sidecar.url, token: 'nonsense' });
    expect(await collect(stranger.events.subscribe()).done).toMatchObject({ code: 'TOKEN_INVALID' });
    stranger.close();
  });
});

describe('gaps', () => {
  it('throws CURSOR_EXPIRED with where to go on', async () => {
    await publish('gap', 0, 1);
    const error = await collect(client.events.subscribe({ cursor: '0000.7' })).done;
    expect(isGapError(error) && error.extension.oldest_cursor).toMatch(/^\w+\.\d+$/);
  });

  it('goes on from the oldest event when told of the gap', async () => {
    await publish('gap_told', 0, 2);
    const gaps: string[] = [];
    const onGap = (gap: { extension: { oldest_cursor: string } }): void => void gaps.push(gap.extension.oldest_cursor);
    const { numbers } = collect(client.events.subscribe({ event_type: 'gap_told', cursor: '0000.7' }, { onGap }));
    await until(() => numbers.length === 2);
    expect(numbers).toEqual([0, 1]);
    expect(gaps).toHaveLength(1);
  });
});

describe('resuming', () => {
  it('reports its state and misses nothing while the connection is down', async () => {
    const states: SubscriptionState[] = [];
    const onState = (state: SubscriptionState): void => void states.push(state);
    const subscription = client.events.subscribe({ event_type: 'dropped', cursor: 'latest' }, { onState });
    const { numbers } = collect(subscription);
    await subscription.opened();
    proxy.refuse(true);
    proxy.cut();
    await until(() => subscription.state === 'connecting');
    await publish('dropped', 0, 3);
    proxy.refuse(false);
    await until(() => numbers.length === 3);
    expect(numbers).toEqual(upTo(3));
    expect(states.filter((state, index) => state !== states[index - 1])).toEqual(['live', 'connecting', 'live']);
  });

  it('notices a peer that says nothing more', async () => {
    const subscription = client.events.subscribe({ event_type: 'silent', cursor: 'latest' });
    const { numbers } = collect(subscription);
    await subscription.opened();
    proxy.stall();
    await until(() => subscription.state === 'connecting');
    await publish('silent', 0, 2);
    proxy.flow();
    await until(() => numbers.length === 2);
    expect(numbers).toEqual([0, 1]);
  });

  it('survives a restart and a crash of the sidecar', async () => {
    const direct = createSidecarClient({ url: sidecar.url, token: sidecar.operatorToken });
    const subscription = direct.events.subscribe({ event_type: 'restarted', cursor: 'latest' });
    const { numbers } = collect(subscription);
    await subscription.opened();
    await publish('restarted', 0, 2);
    await sidecar.restart();
    await publish('restarted', 2, 2);
    await sidecar.crash();
    await publish('restarted', 4, 2);
    await until(() => numbers.length === 6);
    expect(numbers).toEqual(upTo(6));
    direct.close();
  }, 120_000);

  it('works over the runtime’s own WebSocket too', async () => {
    const webSocket = builtInWebSocket();
    const token = sidecar.operatorToken;
    const own = createSidecarClient({ url: proxy.url, token, webSocket, heartbeatMs: 200, calls: 'websocket' });
    const subscription = own.events.subscribe({ event_type: 'built_in', cursor: 'latest' });
    const { numbers } = collect(subscription);
    await subscription.opened();
    await own.events.publish({ event_type: 'built_in', data: { n: 0 } });
    await until(() => numbers.length === 1);
    proxy.cut();
    await publish('built_in', 1, 2);
    await until(() => numbers.length === 3);
    expect(numbers).toEqual(upTo(3));
    own.close();
  });

  it('gives up when told to', async () => {
    proxy.refuse(true);
    const error = await collect(client.events.subscribe({}, { giveUpAfterMs: 100 })).done;
    expect(error).toMatchObject({ code: 'UNREACHABLE' });
  });
});

describe('slow readers', () => {
  it('are caught up from where they are, and hold little meanwhile', async () => {
    await publish('slow', 0, 40);
    const states: SubscriptionState[] = [];
    const options = { maxBuffered: 4, onState: (state: SubscriptionState) => void states.push(state) };
    const seen: unknown[] = [];
    for await (const event of client.events.subscribe({ event_type: 'slow' }, options)) {
      seen.push(event.data['n']);
      if (seen.length === 5) await until(() => states.includes('paused'));
      if (seen.length === 40) break;
    }
    expect(seen).toEqual(upTo(40));
    expect(states).toContain('paused');
  });
});
