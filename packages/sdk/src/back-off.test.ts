import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backOffMs } from './back-off.ts';

it('stays below a bound that doubles up to ten seconds', () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.nat(100_000), chance, (attempt, random) => {
      const delayMs = backOffMs(attempt, () => random);
      expect(delayMs).toBeGreaterThanOrEqual(0);
      expect(delayMs).toBeLessThanOrEqual(Math.min(10_000, 200 * 2 ** attempt));
    }),
  );
  expect(backOffMs(3, () => 0.5)).toBe(800);
});
