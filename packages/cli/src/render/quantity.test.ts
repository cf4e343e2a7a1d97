import { expect, it } from 'vitest';
import { ago, bytes, duration, since } from './quantity.ts';

it.each([
  [0, '0 s'],
  [999, '0 s'],
  [61_000, '1 m 1 s'],
  [3_600_000, '1 h'],
  [90_061_000, '1 d 1 h'],
])('%i ms last %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [4_100_000, '4.1 MB'],
  [2_000_000_000_000, '2000.0 GB'],
])('%i bytes are %s', (count, text) => {
  expect(bytes(count)).toBe(text);
});

it('says how long ago, and never a negative time when clocks differ', () => {
  const nowMs = Date.parse('2026-01-31T12:00:00Z');
  expect(ago('2026-01-31T11:58:00Z', nowMs)).toBe('2 m ago');
  expect(ago('2026-01-31T12:00:05Z', nowMs)).toBe('now');
  expect(since('2026-01-31T12:00:05Z', nowMs)).toBe('0 s');
  expect(since(null, nowMs)).toBe('');
});
