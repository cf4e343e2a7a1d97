import { once } from 'node:events';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { createSidecarClient } from '@orchestration-sidecar/sdk';
import { startForTest } from '../support/sidecar-under-test.ts';

test('every door refuses what is too much with 429, and says when to come again', async () => {
  await using sidecar = await startForTest({ rateLimitPerAgent: 0.3 });
  const { token } = await sidecar.mint('python-specialist');
  const ask = (path: string) => sidecar.call('GET', path, { token });
  for (let n = 0; n < 3; n += 1) expect((await ask('/api/issues')).status).toBe(200);

  const limited = {
    'retry-after': expect.stringMatching(/^([1-9]|10)$/),
    'ratelimit-policy': '"agent";q=3;w=10',
    ratelimit: expect.stringMatching(/^"agent";r=0;t=([1-9]|10)$/),
  };
  for (const path of ['/api/issues', '/api/events/stream', '/trpc/issues.list']) {
    const answer = await ask(path);
    expect({ path, status: answer.status }).toEqual({ path, status: 429 });
    expect(Object.fromEntries(answer.headers)).toMatchObject(limited);
    const problem = path.startsWith('/trpc') ? answer.body.error.json.data.problem : answer.body;
    expect(problem).toMatchObject({ code: 'RATE_LIMITED', retryable: true, limit: 'agent', quota: 3 });
  }
  const client = createSidecarClient({
    url: sidecar.url,
    token: () => token,
    calls: 'websocket',
    maxAttempts: 1,
    environment: {},
  });
  await expect(client.issues.list({})).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  client.close();
  // Neither another agent nor the operator is held to it, and health asks nobody.
  const other = await sidecar.mint('python-specialist');
  expect((await sidecar.call('GET', '/api/issues', { token: other.token })).status).toBe(200);
  expect((await sidecar.call('GET', '/api/issues')).status).toBe(200);
  expect((await sidecar.call('GET', '/health', { token: null })).status).toBe(200);
});

test('one agent has 2,048 long-polls open, no other is kept from its own, and places come back', async () => {
  await using sidecar = await startForTest();
  const { token } = await sidecar.mint('python-specialist');
  const input = { json: { event_type: 'never', cursor: 'latest', timeout: 120_000 } };
  const calls = Array.from({ length: 1024 }, (_, id) => ({
    id,
    method: 'query',
    params: { path: 'events.wait', input },
  }));
  const sockets = await Promise.all(
    Array.from({ length: 2 }, async () => {
      const headers = { authorization: `Bearer ${token}` };
      const socket = new WebSocket(`${sidecar.url.replace('http', 'ws')}/trpc`, { headers });
      await once(socket, 'open');
      for (let from = 0; from < calls.length; from += 500) socket.send(JSON.stringify(calls.slice(from, from + 500)));
      return socket;
    }),
  );
  const open = async (): Promise<number> => (await sidecar.call('GET', '/status')).body.events.active_subscriptions;
  await expect.poll(open).toBe(2048);

  const wait = (whose: string) =>
    sidecar.call('GET', '/api/events/wait/never?timeout=1&cursor=latest', { token: whose });
  for (const path of ['/api/events/stream', '/api/events/wait/never']) {
    const { status, body } = await sidecar.call('GET', path, { token });
    expect([path, status, body.code]).toEqual([path, 429, 'RATE_LIMITED']);
  }
  expect((await wait((await sidecar.mint('python-specialist')).token)).status).toBe(200);
  for (const socket of sockets) socket.terminate();
  await expect.poll(async () => (await wait(token)).status).toBe(200);
});

test('short of memory, what is essential is done and the rest is refused for now', async () => {
  // No process of ours is as small as this, so it is short of memory from its first look on.
  await using sidecar = await startForTest({ maxMemoryMb: 128 });
  const agent = await sidecar.mint('python-specialist').catch(() => undefined);
  await expect
    .poll(async () => (await sidecar.call('GET', '/api/issues')).body, { timeout: 30_000 })
    .toMatchObject({ code: 'OVERLOADED', retryable: true });
  expect((await sidecar.call('GET', '/health', { token: null })).status).toBe(200);
  const refreshed = await sidecar.call('POST', '/api/tokens/refresh', {
    ...(agent ? { token: agent.token } : {}),
    body: {},
  });
  expect(refreshed.status).not.toBe(503);
});
