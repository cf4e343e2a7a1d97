import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '@orchestration-sidecar/shared';
import { DeadLetterStore } from './consumers/index.ts';
import type { Sink } from './fan-out.ts';
import { TestBus } from './test-bus.ts';

const DAY_MS = LIMITS.defaultEventTtlSeconds * 1000;

const typesOf = (bus: TestBus): string[] =>
  bus.log.page('p', 0, Number.MAX_SAFE_INTEGER).entries.map((entry) => entry.event.event_type);
const expired = (oldest: string) =>
  expect.objectContaining({ code: 'CURSOR_EXPIRED', extension: { oldest_cursor: oldest } });

const never = new AbortController().signal;

/** Lays an event of such a size aside. */
function layAside(bus: TestBus, deadLetterId: string, chars: number): Promise<void> {
  const { database, writer } = bus.store;
  const letter = {
    projectId: 'p',
    consumer: 'c',
    agentType: null,
    sequence: Number(deadLetterId.slice('dl-'.length)),
    reason: 'expired',
    detail: null,
  } as const;
  const rest = { attempts: 0, history: [], body: JSON.stringify('x'.repeat(chars)), createdAtMs: bus.clock.nowMs() };
  const store = new DeadLetterStore(database);
  return writer.write(() => store.insert({ deadLetterId, ...letter, ...rest }));
}

describe('retention', () => {
  test('by age: what is older than a day goes, and whoever had not read it is told where the log begins', async () => {
    using bus = new TestBus();
    const first = await bus.publish('old');
    await bus.publish('old');
    bus.clock.advance(DAY_MS / 2);
    await bus.publish('young');
    bus.clock.advance(DAY_MS / 2);
    expect(typesOf(bus)).toEqual(['old', 'old', 'young']);
    await bus.retention.sweep();
    expect(typesOf(bus)).toEqual(['young']);
    expect(bus.log.sequenceOf('p', undefined)).toBe(2);
    expect(() => bus.log.sequenceOf('p', first.cursor)).toThrow(expired(bus.log.cursor(2)));
    expect(bus.log.sequenceOf('p', bus.log.cursor(2))).toBe(2);
  });

  test('by its own shorter time to live: it vanishes at once, is swept later, and is nobody’s loss', async () => {
    using bus = new TestBus();
    const before = await bus.publish('kept');
    await bus.publish('short', { ttlSeconds: 5 });
    bus.clock.advance(5000);
    expect(typesOf(bus)).toEqual(['kept']);
    await bus.retention.sweep();
    expect(bus.log.retainedCount()).toBe(1);
    expect(bus.log.sequenceOf('p', before.cursor)).toBe(1);
  });

  test('a retention that is no whole number of seconds made every event vanish unseen', async () => {
    const retentionMs = 1.1 * 3_600_000;
    using bus = new TestBus(1_000_000, retentionMs);
    const first = await bus.publish('a');
    await bus.publish('b');
    bus.clock.advance(Math.ceil(retentionMs));
    expect(typesOf(bus)).toEqual(['a', 'b']);
    await bus.retention.sweep();
    expect(() => bus.log.sequenceOf('p', first.cursor)).toThrow(expired(bus.log.cursor(2)));
  });

  test('an event with a longer time to live stays behind when those around it go', async () => {
    using bus = new TestBus();
    await bus.publish('day');
    const long = await bus.publish('month', { ttlSeconds: 30 * 86_400 });
    await bus.publish('day');
    bus.clock.advance(DAY_MS);
    await bus.retention.sweep();
    expect(typesOf(bus)).toEqual(['month']);
    expect(bus.log.sequenceOf('p', undefined)).toBe(1);
    expect(() => bus.log.sequenceOf('p', bus.log.cursor(0))).toThrow(expired(bus.log.cursor(1)));
    expect(bus.log.sequenceOf('p', bus.log.cursor(1))).toBe(1);
    expect(() => bus.log.sequenceOf('p', long.cursor)).toThrow(expired(bus.log.cursor(3)));
  });

  test('readers passed over a gap behind events with a longer time to live, and were not told', async () => {
    using bus = new TestBus();
    for (let n = 1; n <= 10; n += 1) {
      await bus.publish(`e${n}`, n === 3 || n === 4 ? { ttlSeconds: 30 * 86_400 } : {});
    }
    bus.clock.advance(25 * 3_600_000);
    await bus.retention.sweep();
    await bus.publish('e11');
    const told = expired(bus.log.cursor(10));
    const from = { projectId: 'p', cursor: bus.log.cursor(2), agentType: null };
    const oldest = { projectId: 'p', agentType: null };
    const types = (page: { events: { event_type: string }[] }) => page.events.map((event) => event.event_type);

    const page = await bus.bus.list({ ...from, limit: 100 }, never);
    expect(page).toMatchObject({ more_available: true, next_cursor: bus.log.cursor(4) });
    expect(types(page)).toEqual(['e3', 'e4']);
    await expect(bus.bus.list({ ...from, cursor: page.next_cursor, limit: 100 }, never)).rejects.toEqual(told);
    for (const filter of ['event_type:e11', 'event_type:none']) {
      await expect(bus.bus.list({ ...from, filter, limit: 100 }, never)).rejects.toEqual(told);
    }
    expect(types(await bus.bus.list({ ...oldest, limit: 100 }, never))).toEqual(['e3', 'e4', 'e11']);

    const waited = await bus.bus.wait({ ...from, timeoutMs: 1000, limit: 100 }, never);
    expect([types(waited), waited.next_cursor]).toEqual([['e3', 'e4'], bus.log.cursor(4)]);
    const typed = { eventType: 'e11', timeoutMs: 1000, limit: 100 };
    await expect(bus.bus.wait({ ...from, ...typed }, never)).rejects.toEqual(told);
    expect(types(await bus.bus.wait({ ...oldest, ...typed }, never))).toEqual(['e11']);

    const steps = bus.bus.follow(from, never)[Symbol.asyncIterator]();
    expect((await steps.next()).value).toMatchObject({ entries: [{ sequence: 3 }, { sequence: 4 }] });
    await expect(steps.next()).rejects.toEqual(told);

    const poured: number[] = [];
    const sink: Sink = {
      format: 'test',
      encode: (entries) => Uint8Array.from(entries, (entry) => entry.sequence),
      hasRoom: true,
      write: (bytes) => void poured.push(...bytes),
      drained: () => Promise.resolve(),
    };
    await expect(bus.bus.follow(from, never).pour(sink)).rejects.toEqual(told);
    expect(poured).toEqual([3, 4]);
  });

  test('by number: the oldest beyond the bound go, project by project', async () => {
    using bus = new TestBus(500);
    await Promise.all(Array.from({ length: 1200 }, (_, n) => bus.publish('e', { data: { n } })));
    await bus.publish('other', { projectId: 'q' });
    await bus.retention.sweep();
    expect(bus.log.page('p', 0, 2000).entries.map((entry) => entry.event.data['n'])).toEqual(
      Array.from({ length: 500 }, (_, n) => 700 + n),
    );
    expect(bus.log.retainedOf('q')).toBe(1);
  });

  test('never gives a sequence out again, though every event is gone and the sidecar was restarted', async () => {
    using bus = new TestBus();
    await bus.publish('a', { ttlSeconds: 1 });
    await bus.publish('b', { ttlSeconds: 1 });
    bus.clock.advance(1000);
    await bus.retention.sweep();
    bus.restart();
    expect(bus.log.head('p')).toBe(2);
    expect((await bus.publish('c')).cursor).toBe(bus.log.cursor(3));
  });

  test('a follower that the log is trimmed past is told, one that has read it is not', async () => {
    using bus = new TestBus(1);
    await bus.publish('a');
    await bus.publish('b');
    const over = new AbortController();
    const slow = bus.bus.follow({ projectId: 'p', cursor: bus.log.cursor(0), agentType: null }, over.signal);
    const slowSteps = slow[Symbol.asyncIterator]();
    await slowSteps.next();
    const idle = bus.bus.follow({ projectId: 'p', cursor: 'latest', agentType: null }, over.signal);
    const idleSteps = idle[Symbol.asyncIterator]();
    const next = idleSteps.next();
    for (const type of ['c', 'd', 'e']) await bus.publish(type);
    await bus.retention.sweep();
    await expect(slowSteps.next()).rejects.toEqual(expired(bus.log.cursor(4)));
    expect((await next).value).toMatchObject({ entries: [{ event: { event_type: 'c' } }] });
    over.abort();
  });

  test('does not hold publishers up: one batch at a time shares the transactions with them', async () => {
    using bus = new TestBus(0);
    await Promise.all(Array.from({ length: 2000 }, () => bus.publish('e')));
    let swept = false;
    const sweeping = bus.retention.sweep().then(() => (swept = true));
    await bus.publish('between');
    expect(swept).toBe(false);
    await sweeping;
  });

  test('a clean-up of all kinds said of fewer events than its dry run', async () => {
    using bus = new TestBus();
    await layAside(bus, 'dl-1', 10);
    for (let n = 0; n < 450; n += 1) await bus.publish('e');
    bus.clock.advance(31 * DAY_MS);
    const swept = async (dryRun: boolean): Promise<Record<string, [count: number, bytes: number]>> => {
      const kinds: Record<string, [number, number]> = {};
      for (const sweep of bus.retention.sweeps()) {
        const { count, bytes } = await sweep.run({ dryRun, nowMs: bus.clock.nowMs(), signal: never });
        kinds[sweep.kind] = [count, bytes];
      }
      return kinds;
    };
    const said = await swept(true);
    expect(said).toMatchObject({ dead_letters: [1, expect.any(Number)], events: [450, expect.any(Number)] });
    expect(await swept(false)).toEqual(said);
    expect([bus.log.retainedCount(), bus.deadLetters.count()]).toEqual([0, 0]);
  });

  test('a clean-up of events went on to the end though it was ended', async () => {
    using bus = new TestBus(0);
    await Promise.all(Array.from({ length: 500 }, () => bus.publish('e')));
    const over = new AbortController();
    bus.log.onRemoval(() => over.abort());
    const events = bus.retention.sweeps().find(({ kind }) => kind === 'events');
    await expect(events?.run({ dryRun: false, nowMs: 0, signal: over.signal })).rejects.toThrow('aborted');
    expect(bus.log.retainedOf('p')).toBe(300);
  });

  test('dead letters went in one transaction however large they were together', async () => {
    using bus = new TestBus();
    for (const id of ['dl-1', 'dl-2', 'dl-3']) await layAside(bus, id, 600_000);
    for (const id of ['dl-4', 'dl-5']) await layAside(bus, id, 10);
    bus.clock.advance(31 * DAY_MS);
    const { writer } = bus.store;
    const trim = () => writer.write((transaction) => bus.deadLetters.trim(transaction, bus.clock.nowMs(), 200).count);
    expect([await trim(), await trim()]).toEqual([1, 1]);
    await bus.retention.sweep();
    expect(bus.deadLetters.count()).toBe(0);
  });

  test('regression: with hundreds of consumers behind, a transaction of a sweep took half a minute, and each kept every event for itself', async () => {
    using bus = new TestBus(2);
    for (let n = 0; n < 60; n += 1) await bus.create(`c${n}`);
    await Promise.all(Array.from({ length: 40 }, () => bus.publish('e')));
    const removed: number[] = [];
    bus.log.onRemoval((ids) => removed.push(ids.length));
    await bus.retention.sweep();
    expect(Math.max(...removed)).toBeLessThan(20);
    const { driver } = bus.store.database;
    const keptEvents = () => driver.prepare('select count(*) from dead_letter_events').pluck().get();
    expect([bus.deadLetters.count(), keptEvents()]).toEqual([38 * 60, 38]);
    const [first, ...others] = bus.deadLetters.list({ projectId: 'p', user: null, limit: 60 }).dead_letters;
    await bus.deadLetters.drop('p', first?.dead_letter_id ?? '', null);
    expect(keptEvents()).toBe(38);
    for (const { event, dead_letter_id: id } of others) {
      if (event.event_id === first?.event.event_id) await bus.deadLetters.drop('p', id, null);
    }
    bus.clock.advance(31 * DAY_MS);
    await bus.retention.sweep();
    // The two that the log still had became dead letters now.
    expect(keptEvents()).toBe(2);
  });

  test('nonces and remembered outcomes go when their time is over', async () => {
    using bus = new TestBus();
    await bus.publish('a', { nonce: 'nonce-0001', idempotencyKey: 'key' });
    await expect(bus.publish('a', { nonce: 'nonce-0001' })).rejects.toMatchObject({ code: 'NONCE_REUSED' });
    bus.clock.advance(2 * LIMITS.maxClockSkewMs);
    await bus.retention.sweep();
    const again = await bus.publish('a', { nonce: 'nonce-0001' });
    expect(again.cursor).toBe(bus.log.cursor(2));
    const count = (table: string) =>
      bus.store.database.driver.prepare<[], number>(`select count(*) from ${table}`).pluck().get();
    expect(count('idempotency')).toBe(1);
    bus.clock.advance(DAY_MS);
    await bus.retention.sweep();
    expect([count('idempotency'), count('nonces'), count('events')]).toEqual([0, 0, 0]);
  });
});

/** An event of the model: what the log is to hold of it, and until when. */
interface ModelEvent {
  readonly sequence: number;
  readonly type: string;
  readonly expiresAtMs: number;
  readonly ephemeral: boolean;
}

test('of any publishes, times, sweeps and restarts the log holds what the model holds, and cursors answer alike', async () => {
  const MAX = 12;
  const action = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('publish' as const),
        ttls: fc.array(fc.constantFrom(undefined, 10, 3600, 2 * 86_400), { minLength: 1, maxLength: 6 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), hours: fc.integer({ min: 0, max: 30 }) }) },
    { weight: 2, arbitrary: fc.constant({ kind: 'sweep' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 15 }), async (actions) => {
      using bus = new TestBus(MAX);
      let model: ModelEvent[] = [];
      let head = 0;
      let trimmed = 0;
      const remove = (gone: readonly ModelEvent[], own: boolean): void => {
        for (const event of gone) if (!own || !event.ephemeral) trimmed = Math.max(trimmed, event.sequence);
        model = model.filter((event) => !gone.includes(event));
      };
      for (const step of actions) {
        if (step.kind === 'publish') {
          const nowMs = bus.clock.nowMs();
          for (const ttl of step.ttls) {
            head += 1;
            const ttlMs = (ttl ?? 86_400) * 1000;
            const type = `t${head}`;
            model.push({ sequence: head, type, expiresAtMs: nowMs + ttlMs, ephemeral: ttlMs < DAY_MS });
            await bus.publish(type, { ttlSeconds: ttl });
          }
        } else if (step.kind === 'wait') {
          bus.clock.advance(step.hours * 3_600_000);
        } else if (step.kind === 'sweep') {
          await bus.retention.sweep();
          remove(
            model.filter((event) => event.expiresAtMs <= bus.clock.nowMs()),
            true,
          );
          remove(model.slice(0, Math.max(0, model.length - MAX)), false);
        } else {
          bus.restart();
        }
        const visible = model.filter((event) => !event.ephemeral || event.expiresAtMs > bus.clock.nowMs());
        expect(typesOf(bus)).toEqual(visible.map((event) => event.type));
        expect(bus.log.head('p')).toBe(head);
        for (let sequence = 0; sequence <= head; sequence += 1) {
          const reachable = sequence >= trimmed || model.some((event) => event.sequence === sequence + 1);
          const ask = () => bus.log.sequenceOf('p', bus.log.cursor(sequence));
          if (reachable) expect(ask()).toBe(sequence);
          else {
            const next = model.find((event) => event.sequence > sequence)?.sequence ?? head + 1;
            expect(ask).toThrow(expired(bus.log.cursor(next - 1)));
          }
        }
      }
    }),
    { numRuns: 25 },
  );
});
