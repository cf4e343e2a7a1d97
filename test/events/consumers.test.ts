import type { Delivery } from '@orchestration-sidecar/shared';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { leftOpen, openResources, type OpenResources } from '../support/open-resources.ts';
import { startForTest, type Answer, type SidecarUnderTest, type TestAgent } from '../support/sidecar-under-test.ts';

let sidecar: SidecarUnderTest;
let before: OpenResources;
let python: TestAgent;
let go: TestAgent;
beforeAll(async () => {
  before = openResources();
  sidecar = await startForTest();
  python = await sidecar.mint('python-specialist');
  go = await sidecar.mint('go-specialist');
});
afterAll(async () => {
  await sidecar[Symbol.asyncDispose]();
  expect(await leftOpen(before)).toEqual({});
}, 30_000);

const post = (path: string, body: unknown, agent: TestAgent = python): Promise<Answer> =>
  sidecar.call('POST', path, { token: agent.token, body });
const publish = (type: string, over: object = {}): Promise<Answer> =>
  post(`/api/events/${type}`, { topic: 'implementation', ...over });
const leasesOf = ({ body }: Answer): string[] => body.deliveries.map(({ lease }: { lease: string }) => lease);

describe('publishMany', () => {
  test('stores all of a batch in its order', async () => {
    const events = Array.from({ length: 500 }, (_, n) => ({
      event_type: 'many',
      topic: 'implementation',
      data: { n },
    }));
    const { status, body } = await post('/api/events', { events });
    expect([status, body.published.length]).toEqual([202, 500]);
    const listed = await sidecar.call('GET', '/api/events?event_type=many&limit=1000');
    expect(listed.body.events.map((event: { data: { n: number } }) => event.data.n)).toEqual(events.map((_, n) => n));
    expect(listed.body.events[7].event_id).toBe(body.published[7].event_id);
  });

  test('stores none when one is refused, and says which', async () => {
    const good = { event_type: 'partial', topic: 'implementation' };
    const huge = { ...good, data: { text: 'x'.repeat(1_100_000) } };
    for (const [code, index, events] of [
      ['TOPIC_FORBIDDEN', 1, [good, { ...good, topic: 'security' }]],
      ['PUBLISHER_MISMATCH', 2, [good, good, { ...good, publisher: 'someone' }]],
      ['PAYLOAD_TOO_LARGE', 1, [good, huge]],
      ['NONCE_REUSED', 2, [good, { ...good, nonce: 'nonce-twice' }, { ...good, nonce: 'nonce-twice' }]],
      ['INPUT_INVALID', 1, [good, { ...good, project_id: 'elsewhere' }]],
      ['INPUT_INVALID', 2, [good, good, { ...good, data: [] }, { ...good, round: 0 }]],
    ] as const) {
      expect((await post('/api/events', { events })).body).toMatchObject({ code, index });
    }
    expect((await post('/api/events', { events: Array.from({ length: 501 }, () => good) })).body.code).toBe(
      'INPUT_INVALID',
    );
    expect((await post('/api/events', { events: [] })).body.code).toBe('INPUT_INVALID');
    expect((await sidecar.call('GET', '/api/events?event_type=partial')).body.events).toEqual([]);
  });

  test('happens once per idempotency key', async () => {
    const body = { events: [{ event_type: 'keyed', topic: 'implementation' }], idempotency_key: 'batch-1' };
    const [first, second] = [await post('/api/events', body), await post('/api/events', body)];
    expect(second.body).toEqual(first.body);
    const other = { ...body, events: [{ event_type: 'keyed', topic: 'implementation', data: { other: true } }] };
    expect((await post('/api/events', other)).body.code).toBe('IDEMPOTENCY_CONFLICT');
  });
});

describe('durable consumers over REST', () => {
  test('a group shares the work, survives a restart, and gives up into dead letters', async () => {
    const created = await post('/api/consumers', { consumer: 'builders', event_type: 'build', max_deliveries: 2 });
    expect(created).toMatchObject({ status: 200, body: { consumer: 'builders', agent_type: 'python-specialist' } });
    const { body: published } = await publish('build', { data: { n: 1 } });
    expect(published.subscribers_notified).toContain('python-specialist');
    await publish('build', { data: { n: 2 } });
    await publish('unrelated');
    const one = await post('/api/consumers/builders/consume', { limit: 1, member: 'one' });
    const two = await post('/api/consumers/builders/consume', { limit: 10, member: 'two' });
    expect([one, two].map(({ body }) => body.deliveries.map((each: Delivery) => each.event.data['n']))).toEqual([
      [1],
      [2],
    ]);
    expect((await post('/api/consumers/builders/ack', { leases: leasesOf(one) })).body).toEqual({
      acknowledged: 1,
      lost: [],
    });
    expect((await post('/api/consumers/builders/ack', { leases: leasesOf(one) })).body.code).toBe('LEASE_LOST');

    await sidecar.restart();
    const back = await post('/api/consumers/builders/nack', { leases: leasesOf(two), reason: 'disk full' });
    expect(back.body).toEqual({ returned: 1, dead_letters: 0, lost: [] });
    const again = await post('/api/consumers/builders/consume', { member: 'two' });
    expect(again.body.deliveries[0].delivery).toBe(2);
    await post('/api/consumers/builders/nack', { leases: leasesOf(again), reason: 'disk still full' });

    const { body: list } = await sidecar.call('GET', '/api/dead-letters?consumer=builders', { token: python.token });
    expect(list.dead_letters).toMatchObject([{ reason: 'max_deliveries', detail: 'disk still full', deliveries: 2 }]);
    const path = `/api/dead-letters/${list.dead_letters[0].dead_letter_id}`;
    expect((await sidecar.call('GET', path)).body.history).toHaveLength(2);
    expect((await post(`${path}/redrive`, {})).body).toMatchObject({ redriven: true, consumer: 'builders' });
    const redriven = await post('/api/consumers/builders/consume', {});
    expect(redriven.body.deliveries[0]).toMatchObject({ delivery: 1, event: { data: { n: 2 } } });
    await post('/api/consumers/builders/nack', { leases: leasesOf(redriven), refuse: true });
    const [refused] = (await sidecar.call('GET', '/api/dead-letters')).body.dead_letters;
    expect((await sidecar.call('DELETE', `/api/dead-letters/${refused.dead_letter_id}`)).body).toEqual({
      dropped: true,
    });
    const { body: listed } = await sidecar.call('GET', '/api/consumers', { token: python.token });
    expect(listed.consumers).toMatchObject([{ consumer: 'builders', leased: 0, waiting: 0, dead_letters: 0 }]);
  });

  test('nobody else reaches a consumer or its dead letters', async () => {
    await post('/api/consumers', { consumer: 'private' });
    for (const verb of ['consume', 'ack', 'nack']) {
      const body = verb === 'consume' ? {} : { leases: ['1.x'] };
      expect((await post(`/api/consumers/private/${verb}`, body, go)).body.code).toBe('CONSUMER_NOT_FOUND');
    }
    expect((await sidecar.call('DELETE', '/api/consumers/private', { token: go.token })).body.code).toBe(
      'CONSUMER_NOT_FOUND',
    );
    expect((await sidecar.call('GET', '/api/consumers', { token: go.token })).body.consumers).toEqual([]);
    expect((await post('/api/consumers', { consumer: 'x', agent_type: 'python-specialist' }, go)).body.code).toBe(
      'AGENT_TYPE_FORBIDDEN',
    );
    expect((await sidecar.call('DELETE', '/api/consumers/private')).body).toEqual({ deleted: true });
    expect((await sidecar.call('GET', '/api/dead-letters/nope')).body.code).toBe('DEAD_LETTER_NOT_FOUND');
    expect((await sidecar.call('GET', '/api/dead-letters?cursor=nope')).body.code).toBe('CURSOR_INVALID');
  });

  test('a wait ends with the first event, and empty when its time is over', async () => {
    await post('/api/consumers', { consumer: 'waiters', event_type: 'awaited', cursor: 'latest' });
    const waiting = post('/api/consumers/waiters/consume', { timeout: 20_000 });
    await publish('awaited');
    expect((await waiting).body).toMatchObject({ timeout: false, deliveries: [{ delivery: 1 }] });
    expect((await post('/api/consumers/waiters/consume', { timeout: 0 })).body).toEqual({
      deliveries: [],
      timeout: true,
    });
  });
});
