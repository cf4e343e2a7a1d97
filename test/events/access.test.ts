import { rmSync } from 'node:fs';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { FakeClock } from '../../packages/server/src/runtime/fake-clock.ts';
import { makeGitProject } from '../support/git-project.ts';
import { leftOpen, openResources, type OpenResources } from '../support/open-resources.ts';
import { startForTest, type SidecarUnderTest, type TestAgent } from '../support/sidecar-under-test.ts';

let sidecar: SidecarUnderTest;
let before: OpenResources;
beforeAll(() => {
  before = openResources();
});
afterAll(async () => expect(await leftOpen(before)).toEqual({}), 30_000);
afterEach(async () => {
  await expect.poll(subscriptions).toBe(0);
});

const publish = (agent: TestAgent, type: string, data: object = {}): ReturnType<SidecarUnderTest['call']> =>
  sidecar.call('POST', `/api/events/${type}`, { token: agent.token, body: { topic: 'implementation', data } });
const subscriptions = async (): Promise<number> =>
  (await sidecar.call('GET', '/status')).body.events.active_subscriptions;

/** Opens a subscription on a WebSocket; answers the texts of what comes. */
async function subscribe(token: string, input: object): Promise<{ messages: string[]; close(): void }> {
  const headers = { authorization: `Bearer ${token}` };
  const client = new WebSocket(`${sidecar.url.replace('http', 'ws')}/trpc`, { headers });
  const messages: string[] = [];
  client.on('message', (data: Buffer) => messages.push(data.toString()));
  await once(client, 'open');
  client.send(
    JSON.stringify({ id: 1, method: 'subscription', params: { path: 'events.subscribe', input: { json: input } } }),
  );
  await expect.poll(() => messages.length).toBeGreaterThan(0);
  return { messages, close: () => client.terminate() };
}

/** Opens a stream of server-sent events; answers what has come of it, and its end. */
async function stream(token: string): Promise<{ text(): string; ended: Promise<void>; cancel(): void }> {
  const stop = new AbortController();
  const answer = await fetch(`${sidecar.url}/api/events/stream`, {
    headers: { authorization: `Bearer ${token}` },
    signal: stop.signal,
  });
  let text = '';
  const ended = (async () => {
    for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) text += chunk;
  })().catch(() => undefined);
  return { text: () => text, ended, cancel: () => stop.abort() };
}

describe('a subscription ends with its token', () => {
  const clock = new FakeClock();
  let agent: TestAgent;
  beforeAll(async () => {
    sidecar = await startForTest({}, { clock });
  });
  afterAll(() => sidecar[Symbol.asyncDispose]());
  beforeEach(async () => {
    agent = await sidecar.mint('python-specialist');
  });

  test.each([
    ['TOKEN_EXPIRED', 3_600_001, false],
    ['TOKEN_REVOKED', 60_001, true],
  ] as const)('%s, over WebSocket and as server-sent events', async (code, afterMs, refreshed) => {
    const socket = await subscribe(agent.token, {});
    const sse = await stream(agent.token);
    await expect.poll(subscriptions).toBe(2);
    await publish(agent, 'seen', { code });
    await expect
      .poll(() => [socket.messages.join(''), sse.text()].map((text) => text.includes(code)))
      .toEqual([true, true]);
    const before = socket.messages.length;
    // What follows a refresh is that the former token is revoked after a short overlap.
    if (refreshed) await sidecar.call('POST', '/api/tokens/refresh', { token: agent.token, body: {} });
    clock.advance(afterMs);
    await expect.poll(() => socket.messages.slice(before).join('')).toContain(`"code":"${code}"`);
    await sse.ended;
    expect(sse.text()).toMatch(new RegExp(`event: @problem\ndata: .*"code":"${code}"`));
    await expect.poll(subscriptions).toBe(0);
    expect((await sidecar.call('GET', '/api/events', { token: agent.token })).body.code).toBe(code);
    socket.close();
  });
});

describe('a long-poll ends with its token', () => {
  const clock = new FakeClock();
  beforeAll(async () => {
    sidecar = await startForTest({}, { clock });
  });
  afterAll(() => sidecar[Symbol.asyncDispose]());

  const byRest = (method: string, path: string, body?: object) => async (token: string) => {
    const answer = sidecar.call(method, path, { token, ...(body ? { body } : {}) });
    return { answer: answer.then((it) => JSON.stringify(it.body)), close: () => {} };
  };
  const bySocket = (method: string, path: string, input: object) => async (token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    const client = new WebSocket(`${sidecar.url.replace('http', 'ws')}/trpc`, { headers });
    await once(client, 'open');
    const answer = once(client, 'message').then(([data]) => String(data));
    client.send(JSON.stringify({ id: 1, method, params: { path, input: { json: input } } }));
    return { answer, close: () => client.terminate() };
  };

  test.each([
    ['e1', 'wait over REST', byRest('GET', '/api/events/wait/e1')],
    ['e2', 'consume over REST', byRest('POST', '/api/consumers/e2/consume', {})],
    ['e3', 'wait over WebSocket', bySocket('query', 'events.wait', { event_type: 'e3' })],
    ['e4', 'consume over WebSocket', bySocket('mutation', 'consumers.consume', { consumer: 'e4' })],
  ] as const)('%s, %s: a revoked agent gets no event and takes no lease', async (type, _, open) => {
    const body = { consumer: type, event_type: type, agent_type: 'python-specialist' };
    await sidecar.call('POST', '/api/consumers', { body });
    const agent = await sidecar.mint('python-specialist');
    const other = await sidecar.mint('python-specialist');
    const timers = clock.pending;
    const { answer, close } = await open(agent.token);
    await expect.poll(() => clock.pending).toBeGreaterThan(timers);
    await sidecar.call('POST', '/api/tokens/revoke', { body: { agent_id: agent.agentId } });
    await publish(other, type);
    expect(await answer).toContain('"code":"TOKEN_REVOKED"');
    const { consumers } = (await sidecar.call('GET', '/api/consumers')).body;
    expect(consumers.at(-1)).toMatchObject({ consumer: type, leased: 0, waiting: 0 });
    close();
  });

  test.each([
    ['wait over REST', byRest('GET', '/api/events/wait/never')],
    ['consume over REST', byRest('POST', '/api/consumers/e2/consume', {})],
    ['wait over WebSocket', bySocket('query', 'events.wait', { event_type: 'never' })],
  ])('%s ends with TOKEN_EXPIRED when the token does, before its own time is over', async (_, open) => {
    const agent = await sidecar.mint('python-specialist');
    clock.advance(3_590_000);
    const timers = clock.pending;
    const { answer, close } = await open(agent.token);
    await expect.poll(() => clock.pending).toBeGreaterThan(timers);
    clock.advance(10_001);
    expect(await answer).toContain('"code":"TOKEN_EXPIRED"');
    close();
  });
});

describe('two projects', () => {
  let ours: TestAgent;
  let theirs: TestAgent;
  let theirRoot: string;
  let ourProject: string;
  let theirProject: string;
  let theirCursor: string;
  beforeAll(async () => {
    sidecar = await startForTest();
    theirRoot = makeGitProject();
    const before = await sidecar.call('GET', '/api/projects');
    ourProject = before.body.projects[0].project_id;
    theirProject = (await sidecar.call('POST', '/api/projects', { body: { root: theirRoot } })).body.project_id;
    ours = await sidecar.mint('python-specialist', ourProject);
    theirs = await sidecar.mint('python-specialist', theirProject);
    await publish(ours, 'ours', { mark: 'ours' });
    for (let n = 0; n < 5; n += 1) {
      const { body } = await publish(theirs, 'secret', { mark: 'theirs' });
      theirCursor = body.cursor;
    }
    const consumer = { consumer: 'shared-name', event_type: 'secret' };
    await sidecar.call('POST', '/api/consumers', { token: theirs.token, body: consumer });
    const [delivery] = (
      await sidecar.call('POST', '/api/consumers/shared-name/consume', { token: theirs.token, body: { limit: 1 } })
    ).body.deliveries;
    await sidecar.call('POST', '/api/consumers/shared-name/nack', {
      token: theirs.token,
      body: { leases: [delivery.lease], refuse: true },
    });
  });
  afterAll(async () => {
    await sidecar[Symbol.asyncDispose]();
    rmSync(theirRoot, { recursive: true, force: true });
  });

  const asOurs = (method: string, path: string, body?: object): ReturnType<SidecarUnderTest['call']> =>
    sidecar.call(method, path, { token: ours.token, ...(body ? { body } : {}) });

  test('no filter, type, topic or cursor brings an event of another project', async () => {
    for (const query of [
      '',
      '?event_type=secret',
      '?event_type=*',
      '?topic=implementation',
      '?filter=mark:theirs',
      '?filter=mark:*',
      '?filter=project_id:*',
      `?filter=publisher:${theirs.agentId}`,
      `?filter=!publisher:${ours.agentId}`,
      '?since=2000-01-01T00:00:00Z',
      `?after=${theirCursor}`,
      `?until=${theirCursor}`,
    ]) {
      const { body } = await asOurs('GET', `/api/events${query}`);
      // A position of another log is a number in one’s own, or beyond its end.
      if (body.code !== undefined) expect(body.code).toBe('CURSOR_EXPIRED');
      expect(JSON.stringify(body)).not.toContain('theirs');
      expect(JSON.stringify(body)).not.toContain(theirProject);
    }
    for (const path of [
      `/api/events?project_id=${theirProject}`,
      `/api/events/wait/secret?timeout=0&project_id=${theirProject}`,
      `/api/events/stream?project_id=${theirProject}`,
    ]) {
      expect((await asOurs('GET', path)).body.code).toBe('PROJECT_FORBIDDEN');
    }
    expect((await asOurs('POST', '/api/events/x', { project_id: theirProject })).body.code).toBe('PROJECT_FORBIDDEN');
    expect((await asOurs('GET', '/api/events/wait/secret?timeout=0')).body.events).toEqual([]);
  });

  test('a live reader gets nothing of another project’s', async () => {
    const socket = await subscribe(ours.token, { filter: 'mark:*' });
    const sse = await stream(ours.token);
    const { body } = await publish(theirs, 'secret', { mark: 'theirs' });
    expect(body.subscribers_notified).toEqual(['python-specialist']);
    await publish(ours, 'ours', { mark: 'ours-last' });
    await expect
      .poll(() => [socket.messages.join(''), sse.text()].map((text) => text.includes('ours-last')))
      .toEqual([true, true]);
    expect(socket.messages.join('') + sse.text()).not.toContain('theirs');
    socket.close();
    sse.cancel();
    await sse.ended;
  });

  test('regression: a nonce of the operator’s in one project was used up for all', async () => {
    const say = async (projectId: string): Promise<unknown> => {
      const body = { topic: 'coordination', nonce: 'operator-1', project_id: projectId };
      const answer = await sidecar.call('POST', '/api/events/said', { body });
      return answer.body.code ?? answer.status;
    };
    expect([await say(ourProject), await say(theirProject), await say(theirProject)]).toEqual([
      202,
      202,
      'NONCE_REUSED',
    ]);
  });

  test('consumers and dead letters of another project do not exist', async () => {
    const letter = (await sidecar.call('GET', `/api/dead-letters?project_id=${theirProject}`)).body.dead_letters[0];
    expect(letter.event.data.mark).toBe('theirs');
    for (const verb of ['consume', 'ack', 'nack']) {
      const body = verb === 'consume' ? { timeout: 0 } : { leases: ['1.x'] };
      expect((await asOurs('POST', `/api/consumers/shared-name/${verb}`, body)).body.code).toBe('CONSUMER_NOT_FOUND');
    }
    expect((await asOurs('GET', '/api/consumers')).body.consumers).toEqual([]);
    expect((await asOurs('GET', '/api/dead-letters')).body.dead_letters).toEqual([]);
    const path = `/api/dead-letters/${letter.dead_letter_id}`;
    expect((await asOurs('GET', path)).body.code).toBe('DEAD_LETTER_NOT_FOUND');
    expect((await asOurs('POST', `${path}/redrive`, {})).body.code).toBe('DEAD_LETTER_NOT_FOUND');
    expect((await asOurs('DELETE', path)).body.code).toBe('DEAD_LETTER_NOT_FOUND');
    // The same name is free in one’s own project, and is another consumer.
    const mine = await asOurs('POST', '/api/consumers', { consumer: 'shared-name', event_type: 'secret' });
    expect(mine.status).toBe(200);
    expect((await asOurs('POST', '/api/consumers/shared-name/consume', { timeout: 0 })).body.deliveries).toEqual([]);
  });
});
