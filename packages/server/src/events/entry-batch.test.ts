import { describe, expect, test } from 'vitest';
import { LIMITS } from '@orchestration-sidecar/shared';
import type { Publication } from './event-bus.ts';
import { TestBus } from './test-bus.ts';

const publication = (eventType: string, data: Publication['data'] = {}): Publication => ({
  projectId: 'p',
  eventType,
  topic: 'implementation',
  publisher: 'a-1',
  publisherType: 'a',
  data,
});

const many = (count: number): Publication[] => Array.from({ length: count }, (_, n) => publication(`e${n}`, { n }));

describe('publications that are stored together', () => {
  test('are all there, in their order and after a restart, however many they are', async () => {
    using world = new TestBus();
    const expected: string[] = [];
    const cursors: string[] = [];
    for (const count of [1, 19, 20, 21, 59, 60, LIMITS.maxBatchEvents]) {
      const publications = many(count);
      const published = await world.bus.publishMany({ projectId: 'p', caller: 'a-1', publications });
      expected.push(...publications.map(({ eventType }) => eventType));
      cursors.push(...published.map(({ cursor }) => cursor));
    }
    world.restart();
    const { entries } = world.log.page('p', 0, 1000);
    expect(entries.map(({ event }) => event.event_type)).toEqual(expected);
    expect(entries.map(({ cursor }) => cursor)).toEqual(cursors);
    expect(entries.map(({ sequence }) => sequence)).toEqual(expected.map((_, n) => n + 1));
    for (const { event } of entries.slice(-20)) expect(world.log.find('p', event.event_id)?.event).toEqual(event);
  });

  test('leave nothing behind when one of them is refused, and what comes with them is stored', async () => {
    using world = new TestBus();
    const publications = many(50);
    publications[30] = publication('too_large', { text: 'é'.repeat(LIMITS.maxEventBytes / 2) });
    const nonce = 'nonce-of-the-first';
    publications[0] = { ...publication('first'), nonce };
    const [before, refused, after] = await Promise.allSettled([
      world.publish('before'),
      world.bus.publishMany({ projectId: 'p', caller: 'a-1', publications }),
      world.publish('after', { nonce }),
    ]);
    expect([before.status, after.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(refused).toMatchObject({ reason: { code: 'PAYLOAD_TOO_LARGE', extension: { index: 30 } } });
    const { entries } = world.log.page('p', 0, 1000);
    expect(entries.map(({ event, sequence }) => [event.event_type, sequence])).toEqual([
      ['before', 1],
      ['after', 2],
    ]);
  });

  test('are undone alone when the store refuses a row of them', async () => {
    using world = new TestBus();
    await world.publish('first');
    // A row where the batch will come to: as nothing but damage makes one.
    world.store.database.driver
      .prepare(
        `insert into events select null, 'p', 25, 'evt-x', 'x', topic, accepted_at_ms, expires_at_ms, body from events`,
      )
      .run();
    const [before, refused, after] = await Promise.allSettled([
      world.publish('before'),
      world.bus.publishMany({ projectId: 'p', caller: 'a-1', publications: many(40) }),
      world.publish('after'),
    ]);
    expect([before.status, refused.status, after.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const { entries } = world.log.page('p', 0, 1000);
    expect(entries.map(({ event, sequence }) => [event.event_type, sequence])).toEqual([
      ['first', 1],
      ['before', 2],
      ['after', 3],
    ]);
  });
});
