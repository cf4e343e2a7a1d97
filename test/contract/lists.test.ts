import type { SidecarEvent } from '@orchestration-sidecar/shared';
import { createSidecarClient } from '@orchestration-sidecar/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';
import { stockHttpClient, stockSocketClient } from '../support/trpc-clients.ts';

let sidecar: SidecarUnderTest;
beforeAll(async () => {
  sidecar = await startForTest();
});
afterAll(() => sidecar[Symbol.asyncDispose]());

const publish = async (first: number, count: number): Promise<void> => {
  const events = Array.from({ length: count }, (_, index) => ({
    event_type: 'listed',
    topic: 'talk',
    data: { n: first + index, line: 'a\nb' },
  }));
  expect((await sidecar.call('POST', '/api/events', { body: { events } })).status).toBe(202);
};
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

interface List {
  readonly id: string;
  readonly data: readonly SidecarEvent[];
}
const numbers = (lists: readonly List[]): number[] =>
  lists.flatMap(({ data }) => data.map((event) => Number(event.data['n'])));

describe.each([
  ['a WebSocket', stockSocketClient],
  ['HTTP', stockHttpClient],
])('events.subscribeMany over %s', (_name, connect) => {
  test('brings what is there at once as one list, each event once, and goes on from the position of any list', async () => {
    const stock = connect(sidecar.url, sidecar.operatorToken);
    const { body } = await sidecar.call('GET', '/api/events/wait/none?cursor=latest&timeout=0');
    const follow = (cursor: string): { seen: List[]; stop: () => void } => {
      const seen: List[] = [];
      const subscription = stock.client.subscription(
        'events.subscribeMany',
        { event_type: 'listed', cursor },
        { onData: (list: unknown) => seen.push(list as List) },
      );
      return { seen, stop: () => subscription.unsubscribe() };
    };
    await publish(0, 300);
    const past = follow(body.next_cursor);
    await expect.poll(() => numbers(past.seen)).toEqual(upTo(300));
    await publish(300, 40);
    await publish(340, 1);
    await expect.poll(() => numbers(past.seen)).toEqual(upTo(341));
    expect(past.seen.length).toBeLessThanOrEqual(10);
    for (const { id, data } of past.seen) expect(id).toBe(data.at(-1)?.cursor);
    const [first] = past.seen;
    const again = follow(first?.id ?? '');
    await expect.poll(() => numbers(again.seen)).toEqual(upTo(341).slice(first?.data.length));
    past.stop();
    again.stop();
    await stock.close();
  });
});

test('regression: a list of events that were published while it was open has no more than 256 of them', async () => {
  const stock = stockSocketClient(sidecar.url, sidecar.operatorToken);
  const seen: List[] = [];
  await new Promise<void>((resolve) => {
    stock.client.subscription(
      'events.subscribeMany',
      { event_type: 'listed', cursor: 'latest' },
      { onStarted: () => resolve(), onData: (list: unknown) => seen.push(list as List) },
    );
  });
  // Small events, so that it is not their text which ends a list; the batches may be committed together.
  await Promise.all([0, 500, 1000, 1500].map((first) => publish(first, 500)));
  await expect.poll(() => numbers(seen).toSorted((a, b) => a - b)).toEqual(upTo(2000));
  expect(Math.max(...seen.map(({ data }) => data.length))).toBeLessThanOrEqual(256);
  await stock.close();
});

test('server-sent events bring lists under a name of their own, and go on after the last event of one', async () => {
  const { body } = await sidecar.call('GET', '/api/events/wait/none?cursor=latest&timeout=0');
  await publish(0, 5);
  const read = async (query: string, headers: Record<string, string>, count: number): Promise<List[]> => {
    const stop = new AbortController();
    const response = await fetch(`${sidecar.url}/api/events/stream/lists?event_type=listed${query}`, {
      headers: { authorization: `Bearer ${sidecar.operatorToken}`, ...headers },
      signal: stop.signal,
    });
    let text = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      const found = [...text.matchAll(/id: (.+)\nevent: @events\ndata: (.+)\n\n/g)].map(([, id = '', data = '']) => ({
        id,
        data: JSON.parse(data),
      }));
      if (numbers(found).length < count) continue;
      stop.abort();
      return found;
    }
    return [];
  };
  const lists = await read(`&cursor=${body.next_cursor}`, {}, 5);
  expect(numbers(lists)).toEqual(upTo(5));
  await publish(5, 1);
  expect(numbers(await read('', { 'last-event-id': lists.at(-1)?.id ?? '' }, 1))).toEqual([5]);
});

test('the SDK hands out lists as they come, and events one by one', async () => {
  const client = createSidecarClient({ url: sidecar.url, token: sidecar.operatorToken });
  const lists = client.events.subscribeMany({ event_type: 'listed', cursor: 'latest' });
  const events = client.events.subscribe({ event_type: 'listed', cursor: 'latest' });
  const seen: number[][] = [[], []];
  const reading = [
    (async () => {
      for await (const list of lists) seen[0]?.push(...numbers([{ id: '', data: list }]));
    })(),
    (async () => {
      for await (const event of events) {
        seen[1]?.push(...numbers([{ id: '', data: [event] }]));
        // Within a list as well the position is that of the event which was read last.
        expect(events.cursor).toBe(event.cursor);
      }
    })(),
  ];
  await Promise.all([lists.opened(), events.opened()]);
  await publish(0, 300);
  await expect.poll(() => seen).toEqual([upTo(300), upTo(300)]);
  client.close();
  await Promise.all(reading);
});
