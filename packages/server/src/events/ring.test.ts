import fc from 'fast-check';
import { expect, test } from 'vitest';
import { collectGarbage } from '../runtime/collect-garbage.ts';
import type { EventEntry } from './event-entry.ts';
import { Ring } from './ring.ts';

const entry = (sequence: number, bytes: number): EventEntry => ({
  sequence,
  json: 'x'.repeat(bytes),
  cursor: `e.${sequence}`,
  acceptedAtMs: 0,
  vanishesAtMs: Infinity,
  event: {
    event_id: `evt-${sequence}`,
    event_type: 't',
    publisher: 'p',
    publisher_type: 'p',
    topic: 't',
    data: {},
    correlation_id: null,
    project_id: 'p',
    round: null,
    references: null,
    ttl_seconds: 1,
    timestamp: '2026-01-01T00:00:00.000Z',
    cursor: `e.${sequence}`,
  },
});

test('holds the newest entries within both bounds, and answers from exactly where it reaches back to', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 3000 }),
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 1, max: 1000 }),
      (sizes, maxEvents, maxBytes) => {
        const ring = new Ring(maxEvents, maxBytes);
        sizes.forEach((bytes, index) => ring.push(entry(index + 1, bytes)));
        let kept = 0;
        for (let bytes = 0; kept < Math.min(maxEvents, sizes.length); kept += 1) {
          bytes += sizes[sizes.length - 1 - kept] ?? 0;
          if (bytes > maxBytes && kept > 0) break;
        }
        expect(ring.size).toBe(kept);
        const oldest = sizes.length - kept;
        expect(ring.after(oldest - 1, 10)).toBeUndefined();
        const sequences = ring.after(oldest, sizes.length)?.map((each) => each.sequence);
        expect(sequences).toEqual(Array.from({ length: kept }, (_, index) => oldest + 1 + index));
      },
    ),
    { numRuns: 50 },
  );
});

test('regression: a thousand large entries that were evicted stayed in memory', async () => {
  const ring = new Ring(10_000, 1000);
  const pushed = Array.from({ length: 500 }, (_, index) => {
    const each = entry(index + 1, 100);
    ring.push(each);
    return new WeakRef(each);
  });
  // What a reference was made to lives until the end of the turn.
  await new Promise(setImmediate);
  collectGarbage();
  expect(pushed.filter((each) => each.deref()).length).toBeLessThanOrEqual(ring.size + 2);
});
