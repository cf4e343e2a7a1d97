import { once } from 'node:events';
import { TRPCClientError } from '@trpc/client';
import { LIMITS, procedures, type ErrorCode } from '@orchestration-sidecar/shared';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startForTest, type SidecarUnderTest, type TestAgent } from '../support/sidecar-under-test.ts';
import { stockHttpClient, stockSocketClient } from '../support/trpc-clients.ts';

let sidecar: SidecarUnderTest;
let python: TestAgent;
beforeAll(async () => {
  sidecar = await startForTest();
  python = await sidecar.mint('python-specialist');
  await sidecar.call('POST', '/api/events/bad', { token: python.token, body: { topic: 'implementation' } });
  await sidecar.call('POST', '/api/consumers', { token: python.token, body: { consumer: 'mine' } });
});
afterAll(() => sidecar[Symbol.asyncDispose]());
/** Nothing bad was stored, nothing stays open, and the sidecar goes on. */
afterEach(async () => {
  expect((await sidecar.call('GET', '/api/events?event_type=bad')).body.events).toHaveLength(1);
  await expect.poll(async () => (await sidecar.call('GET', '/status')).body.events.active_subscriptions).toBe(0);
});

type Input = Readonly<Record<string, unknown>>;
interface Refusal {
  readonly code: ErrorCode;
  readonly procedure: string;
  readonly input: Input;
}

const draft = { event_type: 'bad', topic: 'implementation' };
const megabyte = 'x'.repeat(LIMITS.maxEventBytes);
const deep = JSON.parse(`${'{"a":'.repeat(200)}1${'}'.repeat(200)}`) as Input;
const publish = (code: ErrorCode, over: Input): Refusal[] => [
  { code, procedure: 'events.publish', input: { ...draft, ...over } },
  { code, procedure: 'events.publishMany', input: { events: [draft, { ...draft, ...over }] } },
];
const read = (code: ErrorCode, over: Input): Refusal[] => [
  { code, procedure: 'events.wait', input: { event_type: 'bad', timeout: 0, ...over } },
  { code, procedure: 'events.list', input: { event_type: 'bad', ...rename(over, 'cursor', 'after') } },
  { code, procedure: 'events.subscribe', input: { event_type: 'bad', ...over } },
];

const REFUSALS: readonly (readonly [string, Refusal[]])[] = [
  ['a topic that is not this publisher’s', publish('TOPIC_FORBIDDEN', { topic: 'security' })],
  ['the sidecar’s own events', publish('TOPIC_FORBIDDEN', { topic: 'coordination', event_type: 'agent_completed' })],
  ['a foreign publisher', publish('PUBLISHER_MISMATCH', { publisher: 'someone-else' })],
  ['a foreign project', publish('PROJECT_FORBIDDEN', { project_id: 'elsewhere' }).slice(0, 1)],
  ['too much data', publish('PAYLOAD_TOO_LARGE', { data: { megabyte } })],
  ['data nested too deep', publish('INPUT_INVALID', { data: deep })],
  ['a lone surrogate in a value', publish('INPUT_INVALID', { data: { a: ['\ud800'] } })],
  ['a lone surrogate in a key', publish('INPUT_INVALID', { data: { '\udfff': 1 } })],
  ['NUL in a value', publish('INPUT_INVALID', { data: { a: 'x\0y' } })],
  ...['references', 'nonce', 'publisher'].flatMap((field): [string, Refusal[]][] => [
    [`NUL in ${field}`, publish('INPUT_INVALID', { [field]: 'long enough\0' })],
    [`a lone surrogate in ${field}`, publish('INPUT_INVALID', { [field]: 'long enough\ud800' })],
  ]),
  ['data that is a list', publish('INPUT_INVALID', { data: [] })],
  ['data that is null', publish('INPUT_INVALID', { data: null })],
  ['a type that is a list', publish('INPUT_INVALID', { topic: ['implementation'] })],
  ['a round that is text', publish('INPUT_INVALID', { round: '1' })],
  ['a round below one', publish('INPUT_INVALID', { round: 0 })],
  ['a time to live of a year', publish('INPUT_INVALID', { ttl_seconds: 365 * 86_400 })],
  ['a time that is none', publish('INPUT_INVALID', { timestamp: 'yesterday' })],
  ['a time long past', publish('TIMESTAMP_OUT_OF_RANGE', { timestamp: '2020-01-01T00:00:00Z' })],
  ['a field that is not known', publish('INPUT_INVALID', { colour: 'red' })],
  ['a filter without a value', read('FILTER_INVALID', { filter: 'topic' })],
  ['a filter with an empty alternative', read('FILTER_INVALID', { filter: 'topic:a|' })],
  ['a filter without end', read('INPUT_INVALID', { filter: 'a:b,'.repeat(2000) })],
  ['a filter with NUL', read('INPUT_INVALID', { filter: 'a:\0' })],
  ['a cursor that was never ours', read('CURSOR_INVALID', { cursor: 'nonsense' })],
  ['a cursor from another epoch', read('CURSOR_EXPIRED', { cursor: 'otherone.1' })],
  ['another project', read('PROJECT_FORBIDDEN', { project_id: 'elsewhere' })],
  [
    'a consumer that is not there, or not one’s own',
    [
      { code: 'CONSUMER_NOT_FOUND', procedure: 'consumers.consume', input: { consumer: 'theirs', timeout: 0 } },
      { code: 'CONSUMER_NOT_FOUND', procedure: 'consumers.ack', input: { consumer: 'theirs', leases: ['1.x'] } },
      { code: 'LEASE_LOST', procedure: 'consumers.ack', input: { consumer: 'mine', leases: ['1.forged'] } },
      { code: 'INPUT_INVALID', procedure: 'consumers.consume', input: { consumer: 'mine', limit: -1 } },
    ],
  ],
];

function rename(input: Input, from: string, to: string): Input {
  const { [from]: value, ...rest } = input;
  return value === undefined ? rest : { ...rest, [to]: value };
}

function entryOf(procedure: string): (typeof procedures)[number] {
  const entry = procedures.find(({ name }) => name === procedure);
  if (!entry) throw new RangeError(procedure);
  return entry;
}

describe('over REST', () => {
  test.each(REFUSALS)('%s', async (_what, refusals) => {
    for (const { code, procedure, input } of refusals) {
      const { method, path } = entryOf(procedure).rest;
      const rest = { ...input };
      const url = path.replaceAll(/:(\w+)/g, (_match, name: string) => {
        const value = String(rest[name]);
        delete rest[name];
        return encodeURIComponent(value);
      });
      const query = method === 'GET' ? `?${new URLSearchParams(rest as Record<string, string>).toString()}` : '';
      const answer = await sidecar.call(method, `${url}${query}`, {
        token: python.token,
        ...(method === 'GET' ? {} : { body: rest }),
      });
      expect({ procedure, code: answer.body.code }).toEqual({ procedure, code });
      expect(answer.body).toMatchObject({ status: answer.status, detail: expect.any(String) });
    }
  });

  test('bytes that are not UTF-8, and a body that is null', async () => {
    const send = async (body: Buffer<ArrayBuffer> | string): Promise<unknown> => {
      const headers = { authorization: `Bearer ${python.token}`, 'content-type': 'application/json' };
      const answer = await fetch(`${sidecar.url}/api/events/bad`, { method: 'POST', headers, body });
      return ((await answer.json()) as { code: unknown }).code;
    };
    expect(await send(Buffer.from('{"topic":"implementation","data":{"a":"\xff"}}', 'latin1'))).toBe('JSON_INVALID');
    expect(await send('null')).toBe('INPUT_INVALID');
  });
});

describe.each([
  ['HTTP', stockHttpClient],
  ['WebSocket', stockSocketClient],
] as const)('with tRPC over %s', (door, connect) => {
  test.each(REFUSALS)('%s', async (_what, refusals) => {
    const stock = connect(sidecar.url, python.token);
    const { client } = stock;
    for (const { code, procedure, input } of refusals) {
      const { kind } = entryOf(procedure);
      // A stock client opens a stream of server-sent events again and again; that door is covered over REST.
      if (kind === 'subscription' && door === 'HTTP') continue;
      const refused = await (
        kind === 'subscription'
          ? new Promise((resolve) => client.subscription(procedure, input, { onData: resolve, onError: resolve }))
          : client[kind](procedure, input)
      ).catch((cause: unknown) => cause);
      expect(refused).toBeInstanceOf(TRPCClientError);
      expect({ procedure, code: (refused as TRPCClientError<never>).data }).toMatchObject({
        procedure,
        code: { problem: { code, detail: expect.any(String) } },
      });
    }
    await stock.close();
  });
});

describe('frames of a WebSocket', () => {
  async function open(): Promise<WebSocket> {
    const headers = { authorization: `Bearer ${python.token}` };
    const client = new WebSocket(`${sidecar.url.replace('http', 'ws')}/trpc`, { headers });
    await once(client, 'open');
    return client;
  }

  test('what is not a message is refused, and the connection goes on', async () => {
    const client = await open();
    const answers: string[] = [];
    client.on('message', (data: Buffer) => answers.push(JSON.parse(data.toString()).error?.json.data.problem.code));
    const publishing = (input: string): string =>
      `{"id":7,"method":"mutation","params":{"path":"events.publish","input":${input}}}`;
    for (const [text, code] of [
      ['{"id":', 'JSON_INVALID'],
      [publishing('{"json":{"event_type":"bad","data":{"__proto__":{"a":1}}}}'), 'JSON_INVALID'],
      ['[1]', 'INPUT_INVALID'],
      ['{"id":1,"method":"destroy"}', 'INPUT_INVALID'],
      [publishing('{"json":null}'), 'INPUT_INVALID'],
      [publishing('7'), 'INPUT_INVALID'],
      [`[${Array.from({ length: 501 }, () => '1').join(',')}]`, 'INPUT_INVALID'],
    ] as const) {
      answers.length = 0;
      client.send(text);
      await expect.poll(() => answers).toEqual([code]);
    }
    client.terminate();
  });

  test('bytes that are not UTF-8, binary frames and a frame above the limit end the connection', async () => {
    for (const [frame, binary, expected] of [
      [Buffer.from([0x7b, 0xff, 0x7d]), false, 1007],
      [Buffer.from('{}'), true, 1003],
      [Buffer.alloc(LIMITS.maxBodyBytes + 1, 0x20), false, 1009],
    ] as const) {
      const client = await open();
      const closed = once(client, 'close');
      client.on('error', () => {});
      client.send(frame, { binary });
      expect((await closed)[0]).toBe(expected);
    }
  });
});
