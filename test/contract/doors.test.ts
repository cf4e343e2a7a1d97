import { TRPCClientError } from '@trpc/client';
import { procedures, type SidecarEvent } from '@orchestration-sidecar/shared';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startForTest, type SidecarUnderTest, type TestAgent } from '../support/sidecar-under-test.ts';
import { stockHttpClient, stockSocketClient, type StockClient } from '../support/trpc-clients.ts';

let sidecar: SidecarUnderTest;
let python: TestAgent;
beforeAll(async () => {
  sidecar = await startForTest();
  await sidecar.createIssue('issue-1');
  python = await sidecar.mint('python-specialist');
});
afterAll(() => sidecar[Symbol.asyncDispose]());

const doors = [
  ['tRPC over HTTP', stockHttpClient],
  ['tRPC over WebSocket', stockSocketClient],
] as const;

describe.each(doors)('%s', (_name, connect) => {
  let stock: StockClient;
  beforeAll(() => {
    stock = connect(sidecar.url, python.token);
  });
  afterAll(() => stock.close());

  test('queries and mutations answer what REST answers', async () => {
    const stored = await stock.client.mutation('results.store', { issue_id: 'issue-1', result: { status: 'success' } });
    expect(stored).toMatchObject({ stored: true, event_published: true });
    const issue = await stock.client.query('issues.get', { issue_id: 'issue-1' });
    expect(issue).toEqual((await sidecar.call('GET', '/api/issues/issue-1')).body);
    const health = await stock.client.query('system.health');
    expect(health).toMatchObject({ status: 'healthy' });
  });

  test('errors carry the problem document that REST answers', async () => {
    const failure = await stock.client.query('issues.get', { issue_id: 'nope' }).catch((cause: unknown) => cause);
    const rest = await sidecar.call('GET', '/api/issues/nope', python);
    expect(failure).toBeInstanceOf(TRPCClientError);
    expect(failure).toMatchObject({
      data: {
        code: 'NOT_FOUND',
        httpStatus: 404,
        problem: { ...rest.body, correlation_id: expect.any(String) },
      },
    });
  });

  test('an unknown procedure, a wrong kind and a missing token are refused', async () => {
    const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
      promise.then(
        () => 'answered',
        (cause: unknown) => (cause instanceof TRPCClientError ? cause.data.problem.code : cause),
      );
    expect(await codeOf(stock.client.query('no.such'))).toBe('ROUTE_NOT_FOUND');
    expect(await codeOf(stock.client.mutation('issues.get', { issue_id: 'issue-1' }))).toBe('METHOD_NOT_ALLOWED');
    const anonymous = connect(sidecar.url, null);
    expect(await codeOf(anonymous.client.query('issues.list', {}))).toBe('UNAUTHENTICATED');
    await anonymous.close();
  });

  test('a subscription follows the log: what is retained, then live, each event once', async () => {
    const publish = (n: number) =>
      sidecar.call('POST', '/api/events/counted', {
        token: python.token,
        body: { topic: 'implementation', data: { n, door: _name } },
      });
    await publish(1);
    const seen: number[] = [];
    const done = Promise.withResolvers<void>();
    const subscription = stock.client.subscription(
      'events.subscribe',
      { event_type: 'counted', filter: `door:${_name}` },
      {
        onData(tracked: unknown) {
          const { id, data } = tracked as { id: string; data: SidecarEvent };
          expect(id).toBe(data.cursor);
          seen.push(Number(data.data['n']));
          if (seen.length === 3) done.resolve();
        },
        onError: done.reject,
      },
    );
    await expect.poll(() => seen).toEqual([1]);
    await publish(2);
    await publish(3);
    await done.promise;
    subscription.unsubscribe();
    expect(seen).toEqual([1, 2, 3]);
    await expect.poll(async () => (await sidecar.call('GET', '/status')).body.events.active_subscriptions).toBe(0);
  });
});

test('a WebSocket subscription goes on by itself after the sidecar was restarted', async () => {
  const stock = stockSocketClient(sidecar.url, python.token);
  const publish = (n: number) =>
    sidecar.call('POST', '/api/events/resumed', {
      token: python.token,
      body: { topic: 'implementation', data: { n } },
    });
  const seen: unknown[] = [];
  const subscription = stock.client.subscription(
    'events.subscribe',
    { event_type: 'resumed' },
    { onData: (tracked: unknown) => seen.push((tracked as { data: SidecarEvent }).data.data['n']) },
  );
  await publish(1);
  await expect.poll(() => seen).toEqual([1]);
  await sidecar.restart();
  await publish(2);
  await expect.poll(() => seen, { timeout: 10_000 }).toEqual([1, 2]);
  subscription.unsubscribe();
  await stock.close();
});

test('server-sent events over REST resume from Last-Event-ID', async () => {
  const publish = (n: number) =>
    sidecar.call('POST', '/api/events/streamed', {
      token: python.token,
      body: { topic: 'implementation', data: { n } },
    });
  await publish(1);
  const read = async (headers: Record<string, string>, count: number): Promise<{ id: string; n: number }[]> => {
    const stop = new AbortController();
    const response = await fetch(`${sidecar.url}/api/events/stream?event_type=streamed`, {
      headers: { authorization: `Bearer ${python.token}`, ...headers },
      signal: stop.signal,
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const found: { id: string; n: number }[] = [];
    let text = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      found.length = 0;
      for (const [, id = '', data = ''] of text.matchAll(/id: (.+)\nevent: streamed\ndata: (.+)\n\n/g)) {
        found.push({ id, n: JSON.parse(data).data.n });
      }
      if (found.length >= count) break;
    }
    stop.abort();
    return found;
  };
  const [first] = await read({}, 1);
  await publish(2);
  expect(await read({ 'last-event-id': first?.id ?? '' }, 1)).toMatchObject([{ n: 2 }]);
  // Some clients send the id of nothing as long as they have seen nothing.
  expect(await read({ 'last-event-id': '' }, 2)).toMatchObject([{ n: 1 }, { n: 2 }]);
});

test('a filter that cannot be read is refused before a stream begins', async () => {
  const answer = await sidecar.call('GET', '/api/events/stream?filter=nonsense', python);
  expect(answer).toMatchObject({ status: 400, body: { code: 'FILTER_INVALID', position: 8 } });
});

test('every entry of the contract has its name, its place and its route once', () => {
  const names = procedures.map((entry) => entry.name);
  const routes = procedures.map((entry) => `${entry.rest.method} ${entry.rest.path}`);
  expect(new Set(names).size).toBe(names.length);
  expect(new Set(routes).size).toBe(routes.length);
});
