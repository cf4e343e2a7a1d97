import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Profile } from '@orchestration-sidecar/shared';
import { FAILURES, type FailureReason } from './launchers/index.ts';
import { LONGEST_RETRY_DELAY_MS, mayRetry, retryDelayMs, tierAfter } from './retry.ts';
import { readTraceparent } from './traceparent.ts';

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

test.each([
  ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', true],
  ['cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later', true],
  ['ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', false],
  ['00-00000000000000000000000000000000-00f067aa0ba902b7-01', false],
  ['00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01', false],
  ['00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01', false],
  ['', false],
])('the trace context %s is valid: %s', (text, valid) => {
  expect(readTraceparent(text)).toBe(valid ? text : undefined);
});
