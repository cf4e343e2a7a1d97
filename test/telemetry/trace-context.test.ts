import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { bashAgent, statusOf } from '../support/agents-under-test.ts';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

let sidecar: SidecarUnderTest;
beforeAll(async () => {
  sidecar = await startForTest({ logLevel: 'debug' });
  await sidecar.createIssue('i-1');
});
afterAll(() => sidecar[Symbol.asyncDispose]());

interface Line {
  readonly msg: string;
  readonly trace_id?: string;
  readonly correlation_id?: string;
  readonly agent_id?: string;
}

const lines = (): Line[] =>
  readFileSync(join(sidecar.dataDir, 'logs', 'sidecar.log'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
const traceId = (digit: string): string => digit.repeat(32);
const traceparent = (digit: string): string => `00-${traceId(digit)}-00f067aa0ba902b7-01`;
const gather = { issue_id: 'i-1', agent_type: 'chief-architect' };

test('over WebSocket, log lines and events carry the trace of the connection, or that of the call', async () => {
  const socket = new WebSocket(`${sidecar.url.replace('http', 'ws')}/trpc?connectionParams=1`);
  const answers: { id: number; result: { type: string } }[] = [];
  socket.on('message', (data: Buffer) => answers.push(JSON.parse(data.toString('utf8'))));
  await new Promise((resolve) => socket.once('open', resolve));
  const send = (message: object): void => socket.send(JSON.stringify(message));
  const data = { token: sidecar.operatorToken, traceparent: traceparent('a') };
  send({ method: 'connectionParams', data });
  const query = { id: 1, method: 'query', params: { path: 'context.get', input: { json: gather } } };
  send(query);
  send({ ...query, id: 2, params: { ...query.params, traceparent: traceparent('b') } });
  const published = { event_type: 'seen', topic: 'coordination' };
  send({ id: 3, method: 'mutation', params: { path: 'events.publish', input: { json: published } } });
  send({ id: 4, method: 'subscription', params: { path: 'events.subscribe', input: { json: {} } } });
  await expect
    .poll(() => answers.map(({ id }) => id), { timeout: 20_000 })
    .toEqual(expect.arrayContaining([1, 2, 3, 4]));
  socket.close();

  const traced = (msg: string) => () => lines().flatMap((line) => (line.msg === msg ? [line.trace_id] : []));
  await expect.poll(traced('context gathered')).toEqual([traceId('a'), traceId('b')]);
  await expect.poll(traced('subscription opened')).toEqual([traceId('a')]);
  const { events } = (await sidecar.call('GET', '/api/events?event_type=seen')).body;
  expect(events.map((event: { traceparent: string }) => event.traceparent)).toEqual([traceparent('a')]);
});

test('what is stored together is told of in the name of each caller', async () => {
  const digits = Array.from({ length: 9 }, (_, index) => String(index + 1));
  await Promise.all(
    digits.map((digit) =>
      sidecar.call('POST', '/api/events/together', {
        headers: { traceparent: traceparent(digit), 'x-correlation-id': `id-${digit}` },
        body: { topic: 'coordination' },
      }),
    ),
  );
  await sidecar.call('POST', '/api/events/together', { body: { topic: 'coordination' } });
  const { events } = (await sidecar.call('GET', '/api/events?event_type=together')).body;
  const told = events.map((event: { correlation_id: string; traceparent?: string }) => [
    event.correlation_id,
    event.traceparent,
  ]);
  expect(told).toHaveLength(digits.length + 1);
  expect(told).toEqual(expect.arrayContaining(digits.map((digit) => [`id-${digit}`, traceparent(digit)])));
  expect(told.at(-1)?.[1]).toBe(undefined);
});

test('what becomes of an agent is logged and told with the ids of its spawn; tracestate reaches it', async () => {
  const launcher = bashAgent(sidecar, 'traced', 'echo "$TRACEPARENT $TRACESTATE"');
  const { body } = await sidecar.call('POST', '/api/agents/spawn', {
    headers: { traceparent: traceparent('c'), tracestate: 'vendor=1', 'x-correlation-id': 'id-c' },
    body: { agent_type: 'python-specialist', issue_id: 'i-1', task: 'trace', launcher },
  });
  const ended = () => lines().find((line) => line.msg === 'agent ended' && line.agent_id === body.agent_id);
  await expect.poll(ended, { timeout: 20_000 }).toMatchObject({ trace_id: traceId('c'), correlation_id: 'id-c' });
  expect((await statusOf(sidecar, body.agent_id)).log_tail).toContain(`${traceparent('c')} vendor=1`);
  const { events } = (await sidecar.call('GET', `/api/events?filter=agent_id:${body.agent_id}`)).body;
  expect(events.map((event: { traceparent: string }) => event.traceparent)).toEqual([
    traceparent('c'),
    traceparent('c'),
  ]);
});
