import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Profile } from '@orchestration-sidecar/shared';
import { FAILURES, type FailureReason } from './launchers/index.ts';
import { LONGEST_RETRY_DELAY_MS, mayRetry, retryDelayMs, tierAfter } from './retry.ts';

const failure = (reason: FailureReason) => ({ reason, detail: '' });
const Reason = fc.constantFrom(...(Object.keys(FAILURES) as FailureReason[]));

test('pauses double, are half chance, and have an end', () => {
  expect([2, 3, 4].map((attempt) => retryDelayMs(attempt, () => 0))).toEqual([500, 1000, 2000]);
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 50 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, chance) => {
      const delayMs = retryDelayMs(attempt, () => chance);
      expect(delayMs).toBeGreaterThanOrEqual(500);
      expect(delayMs).toBeLessThanOrEqual(LONGEST_RETRY_DELAY_MS);
    }),
  );
});

test('the table says whether, the profile how often', () => {
  fc.assert(
    fc.property(Reason, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 10 }), (reason, attempt, most) => {
      expect(mayRetry(failure(reason), attempt, most)).toBe(FAILURES[reason].retryable && attempt <= most);
    }),
  );
});

test('the fallback tier is taken on the conditions the profile names, and only on those', () => {
  const model: Profile['model'] = { tier: 'haiku', fallback: 'sonnet', fallback_when: ['rate_limited'] };
  expect(tierAfter(failure('rate_limited'), 'haiku', model)).toBe('sonnet');
  expect(tierAfter(failure('provider_unavailable'), 'haiku', model)).toBe('haiku');
  expect(tierAfter(failure('exit_code'), 'haiku', model)).toBe('haiku');
  expect(tierAfter(failure('exit_code'), 'sonnet', model)).toBe('sonnet');
  expect(tierAfter(failure('rate_limited'), 'haiku', { ...model, fallback: null })).toBe('haiku');
});
