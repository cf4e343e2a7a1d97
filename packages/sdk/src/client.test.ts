import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createSocketServer, type AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { contract, procedures } from '@orchestration-sidecar/shared';
import { startChaosProxy } from './chaos-proxy.ts';
import { createSidecarClient, SidecarError, type SidecarClient, type SidecarEvent } from './index.ts';
import { startTestSidecar, type TestSidecar } from './test-sidecar.ts';

let sidecar: TestSidecar;
let operator: SidecarClient;

beforeAll(async () => {
  sidecar = await startTestSidecar();
  operator = createSidecarClient({ url: sidecar.url, token: sidecar.operatorToken });
}, 90_000);

afterAll(async () => {
  operator.close();
  await sidecar.stop();
});

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.unreachable('the call should have failed'),
    (error: unknown) => error,
  );

describe('resources', () => {
  it('has a function for every entry of the contract', () => {
    for (const { name } of procedures) {
      const [noun = '', verb = ''] = name.split('.');
      const verbs: unknown = Reflect.get(operator, noun);
      expect(verbs, name).toHaveProperty(verb, expect.any(Function));
    }
  });

  it('takes and answers the types of the contract', () => {
    expectTypeOf(operator.system.health).returns.resolves.toHaveProperty('status');
    expectTypeOf(operator.events.publish).parameter(0).toHaveProperty('event_type').toEqualTypeOf<string>();
    expectTypeOf(operator.results.list).returns.resolves.toHaveProperty('next_cursor').toEqualTypeOf<string | null>();
    expectTypeOf(operator.events.subscribe).parameter(0).not.toHaveProperty('lastEventId');
    expectTypeOf<Awaited<ReturnType<typeof operator.events.wait>>['events']>().toEqualTypeOf<SidecarEvent[]>();
    type OptionsOf<F extends (...args: never) => unknown> = NonNullable<Parameters<F>[1]>;
    expectTypeOf<OptionsOf<typeof operator.results.store>>().toHaveProperty('idempotencyKey');
    expectTypeOf<OptionsOf<typeof operator.issues.create>>().not.toHaveProperty('idempotencyKey');
  });

  it.each(['http', 'websocket'] as const)('answers what the contract says over %s', async (calls) => {
    const client = createSidecarClient({ url: `${sidecar.url}/api`, token: sidecar.operatorToken, calls });
    try {
      expect(contract.system.health.output.parse(await client.system.health())).toMatchObject({ status: 'healthy' });
      const issue = await client.issues.create({ title: `Over ${calls}` });
      expect(await client.issues.get({ issue_id: issue.issue_id })).toEqual(issue);
      const published = await client.events.publish({ event_type: 'ping', data: { calls } });
      const page = await client.events.wait({ event_type: 'ping', filter: `calls:${calls}` });
      expect(page.events.map((event) => event.event_id)).toEqual([published.event_id]);
    } finally {
      client.close();
    }
  });
});

describe('errors', () => {
  it.each(['http', 'websocket'] as const)('are the sidecar’s own over %s', async (calls) => {
    const client = createSidecarClient({ url: sidecar.url, token: sidecar.operatorToken, calls });
    const error = await failure(client.issues.get({ issue_id: 'unknown' }));
    expect(error).toBeInstanceOf(SidecarError);
    expect(error).toMatchObject({ code: 'ISSUE_NOT_FOUND', retryable: false, status: 404 });
    expect(error).toHaveProperty('recovery', expect.stringContaining('/api/issues'));
    expect(error).toHaveProperty('correlationId', expect.any(String));
    client.close();
  });

  it('carry the details of the problem document', async () => {
    const error = await failure(operator.events.publish({ event_type: 'not allowed' }));
    expect(error).toMatchObject({ code: 'INPUT_INVALID', extension: { issues: [{ path: 'event_type' }] } });
  });

  it('carry the correlation id that was sent', async () => {
    const error = await failure(operator.issues.get({ issue_id: 'unknown' }, { correlationId: 'session-1' }));
    expect(error).toMatchObject({ correlationId: 'session-1' });
  });

  it('say UNAUTHENTICATED without a token and TOKEN_INVALID with a foreign one', async () => {
    const nobody = createSidecarClient({ url: sidecar.url, environment: {} });
    expect(await failure(nobody.issues.list())).toMatchObject({ code: 'UNAUTHENTICATED' });
    const stranger = createSidecarClient({ url: sidecar.url, token: 'nonsense' });
    expect(await failure(stranger.issues.list())).toMatchObject({ code: 'TOKEN_INVALID' });
  });

  it.each([
    ['http', 'bad port'],
    ['websocket', 'ECONNREFUSED'],
  ] as const)('say UNREACHABLE and why when nobody listens, over %s', async (calls, why) => {
    const client = createSidecarClient({ url: 'http://127.0.0.1:1', calls, maxAttempts: 2 });
    const error = await failure(client.system.health());
    expect(error).toMatchObject({ code: 'UNREACHABLE', retryable: true, detail: expect.stringContaining(why) });
  });

  it('say ANSWER_UNREADABLE when somebody else listens', async () => {
    const server = createServer((_request, response) =>
      response.setHeader('content-type', 'text/html').end('<h1>Hi</h1>'),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = createSidecarClient({ url: `http://127.0.0.1:${port}` });
    expect(await failure(client.system.health())).toMatchObject({ code: 'ANSWER_UNREADABLE' });
    server.close();
    server.closeAllConnections();
  });

  it.each([
    ['fetch', {}],
    ['the ways of Node', { ca: '' }],
    ['a WebSocket', { calls: 'websocket' }],
  ] as const)('say so at once when a port does not speak HTTP, over %s', async (_way, options) => {
    let connections = 0;
    const server = createSocketServer((socket) => {
      connections += 1;
      socket.on('error', () => undefined).end('SSH-2.0-OpenSSH_9.9\r\n');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = createSidecarClient({ url: `http://127.0.0.1:${port}`, ...options });
    expect(await failure(client.system.health())).toMatchObject({
      code: 'ANSWER_UNREADABLE',
      detail: expect.stringContaining('does not speak HTTP'),
    });
    expect(connections).toBe(1);
    server.close();
  });

  it('take variables that are set to nothing for not set', async () => {
    expect(createSidecarClient({ environment: { SIDECAR_URL: '' } }).url).toBe('http://127.0.0.1:3001');
    const environment = { SIDECAR_URL: sidecar.url, JWT_TOKEN: '', JWT_TOKEN_FILE: '', SIDECAR_SOCKET: '' };
    expect(await failure(createSidecarClient({ environment }).issues.list())).toMatchObject({
      code: 'UNAUTHENTICATED',
    });
  });

  it('refuses an address that is not one', () => {
    expect(() => createSidecarClient({ url: 'localhost:3001' })).toThrow(
      expect.objectContaining({ code: 'INPUT_INVALID' }),
    );
  });
});

describe('cancelling', () => {
  it.each(['http', 'websocket'] as const)('rejects with the signal’s reason over %s', async (calls) => {
    const client = createSidecarClient({ url: sidecar.url, token: sidecar.operatorToken, calls });
    const controller = new AbortController();
    const waiting = failure(
      client.events.wait({ event_type: 'never', timeout: 60_000 }, { signal: controller.signal }),
    );
    controller.abort(new Error('enough'));
    expect(await waiting).toMatchObject({ message: 'enough' });
    client.close();
  });

  it('gives up after timeoutMs, with what a long-poll may wait on top', async () => {
    const proxy = await startChaosProxy(sidecar.port);
    proxy.stall();
    const client = createSidecarClient({ url: proxy.url, token: sidecar.operatorToken, timeoutMs: 50 });
    expect(await failure(client.system.health())).toMatchObject({ code: 'TIMEOUT' });
    const error = await failure(client.events.wait({ event_type: 'never', timeout: 20 }));
    expect(error).toHaveProperty('detail', expect.stringContaining('70 ms'));
    await proxy.close();
  });

  it('ends a call whose token does not come', async () => {
    const token = () => new Promise<string>(() => undefined);
    const client = createSidecarClient({ url: sidecar.url, token, timeoutMs: 20 });
    expect(await failure(client.system.health())).toMatchObject({ code: 'TIMEOUT' });
    const given = AbortSignal.abort(new Error('enough'));
    expect(await failure(client.system.health({}, { signal: given }))).toMatchObject({ message: 'enough' });
    const later = new AbortController();
    const waiting = failure(client.system.health({}, { signal: later.signal, timeoutMs: 60_000 }));
    later.abort(new Error('enough'));
    expect(await waiting).toMatchObject({ message: 'enough' });
  });

  it.each([Infinity, 2 ** 31])('takes a timeoutMs that timers cannot wait, such as %s', async (timeoutMs) => {
    expect(await operator.system.health({}, { timeoutMs })).toHaveProperty('status');
  });

  it('close() ends what is under way', async () => {
    const client = createSidecarClient({ url: sidecar.url, token: sidecar.operatorToken });
    const waiting = failure(client.events.wait({ event_type: 'never', timeout: 60_000 }));
    client.close();
    client.close();
    expect(await waiting).toMatchObject({ code: 'CLIENT_CLOSED' });
    // Whoever repeats what is retryable would never end: a closed client stays closed.
    expect(await failure(client.system.health())).toMatchObject({ code: 'CLIENT_CLOSED', retryable: false });
  });
});

it('a process whose calls over a WebSocket failed ends by itself', async () => {
  const client = JSON.stringify(new URL('index.ts', import.meta.url).href);
  const program = `const { createSidecarClient } = await import(${client});
    await createSidecarClient({ url: 'http://127.0.0.1:1', calls: 'websocket' }).issues
      .create({ title: 'Lost' })
      .catch(({ code }) => console.log(code));`;
  const flags = ['--conditions=@orchestration-sidecar/source', '--input-type=module', '-e', program];
  expect((await promisify(execFile)(process.execPath, flags)).stdout).toBe('UNREACHABLE\n');
});

describe('trying again', () => {
  it.each(['http', 'websocket'] as const)('publishes once though the answer was lost, over %s', async (calls) => {
    const proxy = await startChaosProxy(sidecar.port);
    const client = createSidecarClient({ url: proxy.url, token: sidecar.operatorToken, calls, random: () => 0 });
    const event_type = `lost_over_${calls}`;
    await client.system.health();
    proxy.loseNextAnswer();
    const published = await client.events.publish({ event_type });
    const { events } = await operator.events.list({ event_type });
    expect(events.map((event) => event.event_id)).toEqual([published.event_id]);
    client.close();
    await proxy.close();
  });

  it('repeats a query but not a mutation without an idempotency key', async () => {
    const proxy = await startChaosProxy(sidecar.port);
    const client = createSidecarClient({ url: proxy.url, token: sidecar.operatorToken, random: () => 0 });
    proxy.loseNextAnswer();
    expect(await client.issues.list()).toHaveProperty('issues');
    proxy.loseNextAnswer();
    expect(await failure(client.issues.create({ title: 'Once' }))).toMatchObject({ code: 'UNREACHABLE' });
    client.close();
    await proxy.close();
  });

  it('acts once for one idempotency key', async () => {
    const publish = () => operator.events.publish({ event_type: 'keyed' }, { idempotencyKey: 'k-1' });
    expect(await publish()).toEqual(await publish());
    const other = operator.events.publish({ event_type: 'keyed', data: { other: true } }, { idempotencyKey: 'k-1' });
    expect(await failure(other)).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
  });
});
