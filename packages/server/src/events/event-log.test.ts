import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '@orchestration-sidecar/shared';
import { createIds } from '../runtime/ids.ts';
import { openTemporaryStore, type TemporaryStore } from '../storage/temporary-store.ts';
import type { NewEvent } from './event-entry.ts';
import { EventLog } from './event-log.ts';
import { compileInterest } from './filter.ts';
import { follow } from './follow.ts';

const draft = (over: Partial<NewEvent> = {}): NewEvent => ({
  projectId: 'p',
  eventType: 'tick',
  topic: 'implementation',
  publisher: 'a-1',
  publisherType: 'a',
  data: {},
  ...over,
});

function openLog(store: TemporaryStore, clock = { nowMs: 1_000_000 }): EventLog {
  return new EventLog({ database: store.database, ids: createIds(() => clock.nowMs), nowMs: () => clock.nowMs });
}

async function append(store: TemporaryStore, log: EventLog, ...drafts: NewEvent[]): Promise<void> {
  await Promise.all(drafts.map((each) => store.writer.write((transaction) => void log.append(transaction, each))));
}

const numbers = (from: number, count: number): NewEvent[] =>
  Array.from({ length: count }, (_, index) => draft({ data: { n: from + index } }));

describe('the log', () => {
  test('numbers each project’s events without gaps, in the order of acceptance', async () => {
    using store = openTemporaryStore();
    const log = openLog(store);
    await append(store, log, ...numbers(0, 5), draft({ projectId: 'q' }), ...numbers(5, 5));
    expect(log.page('p', 0, 100).entries.map((entry) => [entry.sequence, entry.event.data])).toEqual(
      Array.from({ length: 10 }, (_, n) => [n + 1, { n }]),
    );
    expect(log.head('q')).toBe(1);
  });

  test('goes on counting after a restart, also when every event is gone', async () => {
    using store = openTemporaryStore();
    await append(store, openLog(store), ...numbers(0, 3));
    using again = store.reopen();
    const log = openLog(again);
    await append(again, log, ...numbers(3, 1));
    expect(log.page('p', 0, 10).entries.map((entry) => entry.sequence)).toEqual([1, 2, 3, 4]);
  });

  test('gives the number of an undone event to the next one', async () => {
    using store = openTemporaryStore();
    const log = openLog(store);
    const failing = store.writer.write((transaction) => {
      log.append(transaction, draft());
      throw new Error('undone');
    });
    const outcomes = await Promise.allSettled([failing, append(store, log, ...numbers(0, 2))]);
    expect(outcomes[0].status).toBe('rejected');
    expect(log.page('p', 0, 10).entries.map((entry) => entry.sequence)).toEqual([1, 2]);
  });

  test('passes over events whose time to live ran out', async () => {
    using store = openTemporaryStore();
    const clock = { nowMs: 0 };
    const log = openLog(store, clock);
    await append(store, log, draft({ ttlSeconds: 1, data: { short: true } }), draft({ ttlSeconds: 100 }));
    clock.nowMs = 1000;
    expect(log.page('p', 0, 10).entries.map((entry) => entry.sequence)).toEqual([2]);
  });

  test('refuses an event above its size and stores nothing of it', async () => {
    using store = openTemporaryStore();
    const log = openLog(store);
    const large = draft({ data: { text: 'x'.repeat(LIMITS.maxEventBytes) } });
    await expect(append(store, log, large)).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    expect(log.head('p')).toBe(0);
  });

  test('knows its own cursors and refuses all others', async () => {
    using store = openTemporaryStore();
    const log = openLog(store);
    await append(store, log, ...numbers(0, 2));
    expect(log.sequenceOf('p', undefined)).toBe(0);
    expect(log.sequenceOf('p', 'latest')).toBe(2);
    expect(log.sequenceOf('p', log.cursor(1))).toBe(1);
    const expired = { code: 'CURSOR_EXPIRED', extension: { oldest_cursor: log.cursor(0) } };
    const detail = expect.stringContaining('another store');
    expect(() => log.sequenceOf('p', 'otherepoch.1')).toThrow(expect.objectContaining({ ...expired, detail }));
    expect(() => log.sequenceOf('p', log.cursor(3))).toThrow(expect.objectContaining(expired));
    expect(() => log.sequenceOf('p', 'nonsense')).toThrow(expect.objectContaining({ code: 'CURSOR_INVALID' }));
  });
});

describe('following', () => {
  test('is one loop over the past and the present', async () => {
    using store = openTemporaryStore();
    const log = openLog(store);
    await append(store, log, ...numbers(0, 300));
    const seen: unknown[] = [];
    const stop = new AbortController();
    const following = (async () => {
      for await (const step of follow(log, { projectId: 'p', after: 0, wanted: () => true, signal: stop.signal })) {
        seen.push(...step.entries.map((entry) => entry.event.data['n']));
        if (seen.length === 600) stop.abort();
      }
    })();
    await append(store, log, ...numbers(300, 300));
    await following;
    expect(seen).toEqual(Array.from({ length: 600 }, (_, n) => n));
  });

  test('regression: whoever waits for a rare event was woken by every other one', async () => {
    using store = openTemporaryStore();
    let pages = 0;
    class CountingLog extends EventLog {
      override page(...page: Parameters<EventLog['page']>): ReturnType<EventLog['page']> {
        pages += 1;
        return super.page(...page);
      }
    }
    const log = new CountingLog({ database: store.database, ids: createIds(Date.now), nowMs: Date.now });
    const stop = new AbortController();
    const wanted = compileInterest({ eventType: 'rare' });
    const steps = follow(log, { projectId: 'p', after: 0, wanted, signal: stop.signal });
    const waiting = steps.next();
    for (let n = 0; n < 5; n += 1) await append(store, log, ...numbers(n, 1));
    expect(pages).toBe(0);
    await append(store, log, draft({ eventType: 'rare' }));
    expect((await waiting).value).toMatchObject({ sequence: 6, entries: [{ sequence: 6 }] });
    expect(pages).toBe(1);
    const again = steps.next();
    await append(store, log, ...numbers(5, 1));
    stop.abort();
    expect(await again).toEqual({ done: true, value: 7 });
  });

  test('tells where it stopped, so that nothing is skipped when it goes on', async () => {
    using store = openTemporaryStore();
    const log = openLog(store);
    await append(store, log, ...numbers(0, 3));
    const stop = new AbortController();
    const steps = follow(log, { projectId: 'p', after: 3, wanted: () => true, signal: stop.signal });
    const waiting = steps.next();
    stop.abort();
    await expect(waiting).resolves.toEqual({ done: true, value: 3 });
  });

  test('of any publishes, filters, interruptions and restarts: every wanted event once and in order', async () => {
    const action = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          kind: fc.constant('publish' as const),
          types: fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 40 }),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant('read' as const), steps: fc.integer({ min: 1, max: 3 }) }),
      },
      { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { maxLength: 12 }),
        fc.constantFrom('*', 'a', 'b'),
        async (actions, eventType) => {
          let store = openTemporaryStore();
          try {
            let log = openLog(store);
            const wanted = compileInterest({ eventType });
            const published: string[] = [];
            const received: string[] = [];
            let cursor = log.cursor(0);
            const read = async (maxSteps: number): Promise<void> => {
              const stop = new AbortController();
              const after = log.sequenceOf('p', cursor);
              let steps = 0;
              if (!log.page('p', after, Number.MAX_SAFE_INTEGER).entries.some((entry) => wanted(entry.event))) return;
              for await (const step of follow(log, { projectId: 'p', after, wanted, signal: stop.signal })) {
                received.push(...step.entries.map((entry) => entry.event.event_type));
                cursor = log.cursor(step.sequence);
                steps += 1;
                if (steps >= maxSteps || step.sequence >= log.head('p')) stop.abort();
              }
            };
            for (const step of actions) {
              if (step.kind === 'publish') {
                await append(store, log, ...step.types.map((type) => draft({ eventType: type })));
                published.push(...step.types);
              } else if (step.kind === 'read') {
                await read(step.steps);
              } else {
                store = store.reopen();
                log = openLog(store);
              }
            }
            await read(Number.MAX_SAFE_INTEGER);
            expect(received).toEqual(published.filter((type) => eventType === '*' || type === eventType));
          } finally {
            store[Symbol.dispose]();
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
