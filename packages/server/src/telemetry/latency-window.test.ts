import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LatencyWindow } from './latency-window.ts';

test('nothing seen is null, not zero', () => {
  expect(new LatencyWindow(() => 0).summary()).toEqual({ count: 0, averageMs: null, p99Ms: null, perSecond: 0 });
});

test('the 99th percentile is within a tenth above the true one', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.06, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 500 }),
      (latencies) => {
        const window = new LatencyWindow(() => 0);
        for (const latency of latencies) window.add(latency);
        const sorted = latencies.toSorted((a, b) => a - b);
        const exact = sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0;
        const { p99Ms, averageMs } = window.summary();
        expect(p99Ms).toBeGreaterThanOrEqual(exact * 0.999);
        expect(p99Ms).toBeLessThanOrEqual(exact * 1.101);
        expect(averageMs).toBeCloseTo(latencies.reduce((sum, each) => sum + each, 0) / latencies.length, 5);
      },
    ),
  );
});

test('what is older than five minutes no longer counts', () => {
  let nowMs = 0;
  const window = new LatencyWindow(() => nowMs);
  window.add(1000);
  nowMs = 200_000;
  window.add(1);
  expect(window.summary().count).toBe(2);
  nowMs = 300_000;
  expect(window.summary()).toMatchObject({ count: 1, averageMs: 1 });
  nowMs = 600_000;
  expect(window.summary().count).toBe(0);
});
