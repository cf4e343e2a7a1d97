import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SidecarError, type Delivery } from '@orchestration-sidecar/shared';
import { TestBus } from '../test-bus.ts';
import type { Settlement } from './consumers.ts';

const typesOf = (deliveries: readonly Delivery[]): string[] => deliveries.map(({ event }) => event.event_type);
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'OK',
    (cause: unknown) => (cause instanceof SidecarError ? cause.code : cause),
  );

describe('a durable consumer', () => {
  test('gets what it wants in order, each event once when it is acknowledged, over a restart', async () => {
    using bus = new TestBus();
    await bus.create('c', { filter: 'event_type:a*' });
    for (const type of ['a1', 'b1', 'a2', 'a3']) await bus.publish(type);
    const [first, ...others] = await bus.take('c', 2);
    expect(typesOf([first, ...others].flatMap((each) => each ?? []))).toEqual(['a1', 'a2']);
    if (first) expect(await bus.ack('c', first)).toMatchObject({ acknowledged: 1, lost: [] });
    bus.restart();
    expect(typesOf(await bus.take('c'))).toEqual(['a3']);
    bus.clock.advance(1000);
    expect((await bus.take('c')).map(({ event, delivery }) => [event.event_type, delivery])).toEqual([
      ['a2', 2],
      ['a3', 2],
    ]);
  });

  test('a stored filter that is refused by now kept the sidecar from starting', async () => {
    using bus = new TestBus();
    await bus.create('c', { eventType: 'a', filter: 'topic:implementation' });
    bus.store.database.driver
      .prepare("update consumers set interests = replace(interests, 'topic:', '!!topic:')")
      .run();
    bus.restart();
    await bus.publish('a');
    await bus.publish('b');
    expect(typesOf(await bus.take('c'))).toEqual(['a']);
  });

  test('gives each member different events', async () => {
    using bus = new TestBus();
    await bus.create('c');
    await Promise.all(Array.from({ length: 20 }, (_, n) => bus.publish(`e${n}`)));
    const hands = await Promise.all(Array.from({ length: 5 }, (_, n) => bus.take('c', 4, `m${n}`)));
    expect(new Set(hands.flatMap(typesOf)).size).toBe(20);
    expect(await bus.take('c')).toEqual([]);
  });

  test('fences a member whose deadline passed: it cannot acknowledge, give back or refuse any more', async () => {
    using bus = new TestBus();
    await bus.create('c');
    await bus.publish('e');
    const [stale] = await bus.take('c', 1, 'slow');
    bus.clock.advance(1000);
    const [held] = await bus.take('c', 1, 'quick');
    if (!stale || !held) throw new Error('nothing was delivered');
    expect(held.lease).not.toBe(stale.lease);
    expect(await codeOf(bus.ack('c', stale))).toBe('LEASE_LOST');
    expect(await codeOf(bus.nack('c', stale))).toBe('LEASE_LOST');
    expect(await bus.ack('c', stale, held)).toMatchObject({ acknowledged: 1, lost: [stale.lease] });
    expect(await codeOf(bus.ack('c', held))).toBe('LEASE_LOST');
    bus.clock.advance(10_000);
    expect(await bus.take('c')).toEqual([]);
  });

  test('an acknowledgement whose answer was lost is answered again, also over a restart; another one is not taken for it', async () => {
    using bus = new TestBus();
    await bus.create('c');
    for (const type of ['a', 'b', 'c']) await bus.publish(type);
    const leases = (await bus.take('c', 2)).map(({ lease }) => lease);
    const ack = (over: Partial<Settlement> = {}): Promise<unknown> =>
      bus.consumers.ack({ projectId: 'p', name: 'c', user: null, leases, idempotencyKey: 'k', ...over });
    const first = await ack();
    expect(first).toMatchObject({ acknowledged: 2, lost: [] });
    bus.restart();
    expect(await ack()).toEqual(first);
    expect(await codeOf(ack({ idempotencyKey: 'other' }))).toBe('LEASE_LOST');
    expect(await codeOf(ack({ leases: leases.slice(1) }))).toBe('IDEMPOTENCY_CONFLICT');
    expect(await codeOf(ack({ user: { agentId: 'a', agentType: 't' } }))).toBe('CONSUMER_NOT_FOUND');

    const [third] = await bus.take('c', 1);
    const settlement = { projectId: 'p', name: 'c', user: null, leases: [third?.lease ?? ''], idempotencyKey: 'k' };
    const nack = (): Promise<unknown> => bus.consumers.nack(settlement, { outcome: 'nack', detail: null, delayMs: 0 });
    const returned = await nack();
    // By now it is another delivery, which the repetition must not give back.
    const [again] = await bus.take('c', 1);
    expect(await nack()).toEqual(returned);
    expect(again && (await bus.ack('c', again))).toMatchObject({ acknowledged: 1 });
  });

  test('waits: for an event, for one that is given back, for a deadline', async () => {
    using bus = new TestBus();
    await bus.create('c');
    const wait = (): Promise<Delivery[]> =>
      bus.consumers.consume(
        { projectId: 'p', name: 'c', user: null, member: 'm', limit: 1, timeoutMs: 60_000 },
        new AbortController().signal,
      );
    const first = wait();
    await bus.publish('e');
    const [delivery] = await first;
    const second = wait();
    if (delivery) await bus.nack('c', delivery);
    expect((await second)[0]?.delivery).toBe(2);
    const third = wait();
    await new Promise(setImmediate);
    bus.clock.advance(1001);
    expect((await third)[0]?.delivery).toBe(3);
    const none = wait();
    await new Promise(setImmediate);
    await bus.consumers.delete({ projectId: 'p', name: 'c', user: null });
    expect(await codeOf(none)).toBe('CONSUMER_NOT_FOUND');
    expect(bus.clock.pending).toBe(0);
  });

  test('gets the event that comes after a delivery given up and thousands of unwanted events', async () => {
    using bus = new TestBus();
    await bus.create('c', { filter: 'event_type:wanted', maxDeliveries: 1 });
    await bus.publish('wanted', { data: { n: 1 } });
    await bus.take('c');
    bus.clock.advance(1000);
    await Promise.all(Array.from({ length: 4500 }, () => bus.publish('unwanted')));
    await bus.publish('wanted', { data: { n: 2 } });
    expect((await bus.take('c')).map(({ event }) => event.data)).toEqual([{ n: 2 }]);
    expect(bus.dead()).toMatchObject([{ reason: 'max_deliveries', type: 'wanted' }]);
  });

  test('is who may use it: its agent type, its agent, the operator; to others it does not exist', async () => {
    using bus = new TestBus();
    await bus.create('shared', { agentType: 'x' });
    await bus.store.writer.write((transaction) =>
      bus.consumers.keep(transaction, {
        projectId: 'p',
        agentId: 'x-1',
        agentType: 'x',
        subscriptions: [{ topic: 'testing', event_types: ['a', 'b'] }, { topic: 'error' }],
      }),
    );
    const seen = (agentId: string, agentType: string) =>
      bus.consumers.list('p', { agentId, agentType }).map(({ consumer }) => consumer);
    expect([seen('x-1', 'x'), seen('x-2', 'x'), seen('y-1', 'y')]).toEqual([['shared', 'x-1'], ['shared'], []]);
    expect(bus.consumers.list('p', null).map(({ consumer }) => consumer)).toEqual(['shared', 'x-1']);
    expect(bus.consumers.list('q', null)).toEqual([]);
    const { subscribers_notified } = await bus.publish('a', { topic: 'testing' });
    expect(subscribers_notified).toEqual(['x']);
    await bus.publish('c', { topic: 'testing' });
    await bus.publish('d', { topic: 'error' });
    expect(typesOf(await bus.take('x-1'))).toEqual(['a', 'd']);
  });

  test('made again is the same, made differently is refused', async () => {
    using bus = new TestBus();
    const made = await bus.create('c', { topic: 'testing' });
    expect(await bus.create('c', { topic: 'testing' })).toEqual(made);
    expect(await codeOf(bus.create('c', { topic: 'error' }))).toBe('CONSUMER_EXISTS');
    expect(await codeOf(bus.create('d', { filter: 'nonsense' }))).toBe('FILTER_INVALID');
  });
});

test('regression: a consumer made before a gap skipped what was gone without a word', async () => {
  using bus = new TestBus();
  await bus.publish('kept', { ttlSeconds: 3 * 86_400 });
  await bus.publish('gone');
  bus.clock.advance(86_400_000);
  await bus.retention.sweep();
  await bus.publish('new');
  await expect(bus.create('c', { cursor: bus.log.cursor(0) })).rejects.toMatchObject({
    code: 'CURSOR_EXPIRED',
    extension: { oldest_cursor: bus.log.cursor(2) },
  });
  await bus.create('whole', { cursor: bus.log.cursor(2) });
  await bus.create('all-that-is-kept');
  expect([typesOf(await bus.take('whole')), typesOf(await bus.take('all-that-is-kept'))]).toEqual([
    ['new'],
    ['kept', 'new'],
  ]);
  // One that is there answers, wherever it was to begin.
  expect(await bus.create('whole', { cursor: bus.log.cursor(0) })).toMatchObject({ consumer: 'whole' });
});

test('regression: the first use of an agent’s own consumer passed over what had left the log without a word', async () => {
  using bus = new TestBus(2);
  await bus.store.writer.write((transaction) =>
    bus.consumers.keep(transaction, {
      projectId: 'p',
      agentId: 'x-1',
      agentType: 'x',
      subscriptions: [{ topic: 'implementation' }],
    }),
  );
  for (const type of ['a', 'b', 'c', 'd']) await bus.publish(type);
  await bus.retention.sweep();
  expect(bus.dead()).toEqual([]);
  await expect(bus.take('x-1')).rejects.toMatchObject({
    code: 'CURSOR_EXPIRED',
    extension: { oldest_cursor: bus.log.cursor(2) },
  });
  expect(typesOf(await bus.take('x-1'))).toEqual(['c', 'd']);
});

test('regression: a member refused in the very commit that gave it events kept them until their deadline', async () => {
  using bus = new TestBus();
  await bus.create('c', { maxDeliveries: 1 });
  await bus.publish('e');
  const token = new AbortController();
  const call = { projectId: 'p', name: 'c', user: null, member: 'revoked', limit: 5, timeoutMs: 60_000 };
  const consuming = bus.consumers.consume(call, token.signal);
  // Its job waits for the commit by now; what is revoked comes into the same one.
  await Promise.resolve();
  await bus.store.writer.write((transaction) => transaction.afterCommit(() => token.abort()));
  expect(bus.consumers.list('p', null)).toMatchObject([{ leased: 1 }]);
  expect(await consuming).toEqual([]);
  expect((await bus.take('c')).map(({ event, delivery }) => [event.event_type, delivery])).toEqual([['e', 1]]);
});

describe('dead letters', () => {
  test('an event that was refused, or given back too often, keeps its history and can be redriven', async () => {
    using bus = new TestBus();
    await bus.create('c', { maxDeliveries: 2 });
    await bus.publish('refused');
    await bus.publish('hopeless');
    for (const delivery of await bus.take('c')) {
      await bus.nack('c', delivery, { refuse: delivery.event.event_type === 'refused' });
    }
    for (const delivery of await bus.take('c')) await bus.nack('c', delivery);
    expect(bus.dead()).toMatchObject([
      { reason: 'refused', type: 'refused' },
      { reason: 'max_deliveries', type: 'hopeless' },
    ]);
    const id = bus.dead()[1]?.id ?? '';
    expect(bus.deadLetters.require('p', id, null).deadLetter).toMatchObject({
      deliveries: 2,
      detail: 'no',
      history: [
        { delivery: 1, member: 'm', outcome: 'nack', detail: 'no' },
        { delivery: 2, member: 'm', outcome: 'nack', detail: 'no' },
      ],
    });
    await bus.consumers.redrive('p', id, null);
    const [again] = await bus.take('c');
    expect([again?.event.event_type, again?.delivery]).toEqual(['hopeless', 1]);
    await bus.deadLetters.drop('p', bus.dead()[0]?.id ?? '', null);
    expect(bus.dead()).toEqual([]);
    expect(await codeOf(bus.deadLetters.drop('p', id, null))).toBe('DEAD_LETTER_NOT_FOUND');
  });

  test('regression: a page of dead letters is bounded by their size, and the next one goes on', async () => {
    using bus = new TestBus();
    await bus.create('c');
    for (let n = 0; n < 12; n += 1) await bus.publish('large', { data: { text: 'x'.repeat(900_000) } });
    for (let left = 12; left > 0;) {
      const taken = await bus.take('c');
      for (const delivery of taken) await bus.nack('c', delivery, { refuse: true });
      left -= taken.length;
    }
    const first = bus.deadLetters.list({ projectId: 'p', user: null, limit: 1000 });
    expect(JSON.stringify(first).length).toBeLessThan(9 * 1024 * 1024);
    const cursor = first.next_cursor ?? '';
    const rest = bus.deadLetters.list({ projectId: 'p', user: null, limit: 1000, cursor });
    expect(first.dead_letters.length + rest.dead_letters.length).toBe(12);
    expect(rest.next_cursor).toBeNull();
  });

  test.each(['before', 'after'])(
    'an event redriven %s a consumer made anew came to it is not out twice at a time',
    async (when) => {
      using bus = new TestBus();
      await bus.create('c');
      await bus.publish('e');
      for (const delivery of await bus.take('c')) await bus.nack('c', delivery, { refuse: true });
      await bus.consumers.delete({ projectId: 'p', name: 'c', user: null });
      await bus.create('c');
      const taken = when === 'after' ? await bus.take('c') : [];
      await bus.consumers.redrive('p', bus.dead()[0]?.id ?? '', null);
      taken.push(...(await bus.take('c')));
      expect(typesOf(taken)).toEqual(['e']);
      expect(await bus.ack('c', ...taken)).toMatchObject({ acknowledged: 1, lost: [] });
      expect(await bus.take('c')).toEqual([]);
    },
  );

  test('an event whose deadline passes for the last time is given up though nobody consumes', async () => {
    using bus = new TestBus();
    await bus.create('c', { maxDeliveries: 1 });
    // More than one transaction settles.
    await Promise.all(Array.from({ length: 250 }, () => bus.publish('e')));
    await bus.take('c');
    bus.clock.advance(1000);
    await bus.retention.sweep();
    expect(bus.dead()).toHaveLength(250);
    expect(bus.dead()[0]).toMatchObject({ consumer: 'c', reason: 'max_deliveries' });
  });

  test('an event whose time to live runs out undelivered, waiting or in vain', async () => {
    using bus = new TestBus();
    await bus.create('c');
    await bus.create('never');
    await bus.create('other', { topic: 'testing' });
    for (const type of ['acked', 'leased', 'given-back']) await bus.publish(type, { ttlSeconds: 1 });
    const [acked, leased, back] = await bus.take('c');
    if (!acked || !leased || !back) throw new Error('nothing was delivered');
    await bus.ack('c', acked);
    bus.clock.advance(999);
    await bus.nack('c', back);
    const rest = await bus.take('c', 1);
    expect(typesOf(rest)).toEqual(['given-back']);
    if (rest[0]) await bus.nack('c', rest[0], { delayMs: 60_000 });
    bus.clock.advance(1);
    await bus.retention.sweep();
    expect(bus.dead().filter(({ consumer }) => consumer === 'never')).toMatchObject([
      { reason: 'expired', type: 'acked' },
      { reason: 'expired', type: 'leased' },
      { reason: 'expired', type: 'given-back' },
    ]);
    expect(bus.dead().filter(({ consumer }) => consumer === 'other')).toEqual([]);
    expect(bus.log.retainedOf('p')).toBe(0);
    await bus.retention.sweep();
    expect(
      bus
        .dead()
        .filter(({ consumer }) => consumer === 'c')
        .map(({ type }) => type)
        .toSorted(),
    ).toEqual(['given-back', 'leased']);
  });

  test('events trimmed from a full log before a consumer got them', async () => {
    using bus = new TestBus(2);
    await bus.create('c');
    for (const type of ['a', 'b', 'c', 'd']) await bus.publish(type);
    await bus.retention.sweep();
    expect(bus.dead()).toMatchObject([
      { reason: 'trimmed', type: 'a' },
      { reason: 'trimmed', type: 'b' },
    ]);
    expect(typesOf(await bus.take('c'))).toEqual(['c', 'd']);
  });
});

test('of any publishes, members, deadlines, trims and restarts: each wanted event is acknowledged once or a dead letter, in order of its first delivery', async () => {
  const action = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('publish' as const),
        types: fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 8 }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('take' as const), limit: fc.integer({ min: 1, max: 5 }) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('ack' as const), which: fc.nat(20) }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('nack' as const), which: fc.nat(20), refuse: fc.boolean() }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(400, 1000) }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'sweep' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 25 }), fc.constantFrom(4, 1000), async (actions, maxLogEvents) => {
      using bus = new TestBus(maxLogEvents);
      await bus.create('c', { eventType: 'a' });
      const published: string[] = [];
      const acknowledged: string[] = [];
      const firstDelivered: string[] = [];
      const all: Delivery[] = [];
      /** Newest lease of each event and when it ends. */
      const holders = new Map<string, { lease: string; untilMs: number }>();
      const took = (deliveries: readonly Delivery[]): void => {
        for (const delivery of deliveries) {
          const { event_id: id } = delivery.event;
          const holder = holders.get(id);
          expect(holder === undefined || holder.untilMs <= bus.clock.nowMs()).toBe(true);
          holders.set(id, { lease: delivery.lease, untilMs: bus.clock.nowMs() + 1000 });
          if (delivery.delivery === 1) firstDelivered.push(id);
          all.push(delivery);
        }
      };
      const end = async (delivery: Delivery | undefined, act: (delivery: Delivery) => Promise<unknown>) => {
        if (!delivery) return false;
        const { event_id: id } = delivery.event;
        const holder = holders.get(id);
        const holds = holder?.lease === delivery.lease && holder.untilMs > bus.clock.nowMs();
        expect(await codeOf(act(delivery))).toBe(holds ? 'OK' : 'LEASE_LOST');
        if (holds) holders.set(id, { lease: '', untilMs: 0 });
        return holds;
      };
      for (const step of actions) {
        if (step.kind === 'publish') {
          for (const type of step.types) {
            const { event_id } = await bus.publish(type);
            if (type === 'a') published.push(event_id);
          }
        } else if (step.kind === 'take') took(await bus.take('c', step.limit));
        else if (step.kind === 'ack') {
          const delivery = all[step.which % Math.max(1, all.length)];
          if (await end(delivery, (each) => bus.ack('c', each))) acknowledged.push(delivery?.event.event_id ?? '');
        } else if (step.kind === 'nack') {
          const delivery = all[step.which % Math.max(1, all.length)];
          await end(delivery, (each) => bus.nack('c', each, { refuse: step.refuse }));
        } else if (step.kind === 'wait') bus.clock.advance(step.ms);
        else if (step.kind === 'sweep') await bus.retention.sweep();
        else bus.restart();
      }
      // Whatever is left is taken by a last, diligent member.
      for (let round = 0; round < 4; round += 1) {
        bus.clock.advance(1000);
        const rest = await bus.take('c');
        took(rest);
        if (rest.length > 0) {
          await bus.ack('c', ...rest);
          acknowledged.push(...rest.map(({ event }) => event.event_id));
        }
      }
      const { dead_letters } = bus.deadLetters.list({ projectId: 'p', user: null, limit: 1000 });
      const dead = dead_letters.map(({ event }) => event.event_id);
      expect([...acknowledged, ...dead].toSorted()).toEqual(published.toSorted());
      expect(firstDelivered).toEqual(published.filter((id) => firstDelivered.includes(id)));
    }),
    { numRuns: 40 },
  );
});
