import { once } from 'node:events';
import { createServer, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { OpenCalls } from './open-calls.ts';

const server = createServer();
const calls = new OpenCalls();

/** A request that is under way, and what ends it. */
async function beginRequest(): Promise<{ response: ServerResponse; leave: () => Promise<void> }> {
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const asked = request({ port, host: '127.0.0.1' });
  asked.on('error', () => {});
  const arrived = once(server, 'request');
  asked.end();
  const [, response] = (await arrived) as [unknown, ServerResponse];
  return {
    response,
    async leave() {
      const closed = once(response, 'close');
      asked.destroy();
      await closed;
    },
  };
}

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('a call that nobody waits in leaves nothing on its response', async () => {
  const { response } = await beginRequest();
  const before = response.listenerCount('close');
  const call = calls.begin(response);
  expect(response.listenerCount('close')).toBe(before);
  expect(call.signal).toBe(call.signal);
  expect(response.listenerCount('close')).toBe(before + 1);
  response.end();
  await once(response, 'close');
  expect(call.signal.aborted).toBe(false);
});

test('a signal aborts when the caller leaves, also when it is read only after that', async () => {
  const { response, leave } = await beginRequest();
  const [early, late] = [calls.begin(response), calls.begin(response)];
  const { signal } = early;
  expect(signal.aborted).toBe(false);
  await leave();
  expect(signal.aborted).toBe(true);
  expect(late.signal.aborted).toBe(true);
});

test('a stop ends all waiting, and what waits after it', async () => {
  const { response } = await beginRequest();
  const [waiting, later] = [calls.begin(response), calls.begin(response)];
  const { signal } = waiting;
  calls.stop();
  expect(signal.aborted).toBe(true);
  expect(later.signal.aborted).toBe(true);
});
