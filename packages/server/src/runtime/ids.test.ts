import { expect, test } from 'vitest';
import { createIds } from './ids.ts';

test('ordered ids are UUIDs of version 7, in the order of their milliseconds and never twice', () => {
  let nowMs = Date.parse('2026-11-28T09:30:00.123Z');
  const ids = createIds(() => nowMs);
  const made = Array.from({ length: 20_000 }, (_, n) => {
    nowMs += n % 100 === 0 ? 1 : 0;
    return { ms: nowMs, id: ids.orderedUuid() };
  });
  for (const { ms, id } of made) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(ms);
  }
  expect(new Set(made.map(({ id }) => id)).size).toBe(made.length);
  // Every random digit takes every value it may have.
  for (const at of [15, 16, 17, 20, 21, 22, ...Array.from({ length: 12 }, (_, n) => 24 + n)]) {
    expect(new Set(made.map(({ id }) => id[at])).size).toBe(16);
  }
  expect(new Set(made.map(({ id }) => id[19])).size).toBe(4);
});

test('ids of a clock that is set back, and of the first millisecond there is', () => {
  let nowMs = 0;
  const ids = createIds(() => nowMs);
  expect(ids.orderedUuid()).toMatch(/^00000000-0000-7/);
  nowMs = 5;
  expect(ids.orderedUuid()).toMatch(/^00000000-0005-7/);
  nowMs = 4;
  expect(ids.orderedUuid()).toMatch(/^00000000-0004-7/);
});
