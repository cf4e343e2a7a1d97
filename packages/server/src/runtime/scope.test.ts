import { expect, test } from 'vitest';
import { FakeClock } from './fake-clock.ts';
import { HeldOpenError, Scope } from './scope.ts';

test('closes in reverse order, once, and keeps the first failure', async () => {
  const closed: string[] = [];
  const scope = new Scope();
  scope.own('a', 'a', () => void closed.push('a'));
  scope.own('b', 'b', () => {
    closed.push('b');
    throw new Error('b does not close');
  });
  scope.own('c', 'c', () => Promise.reject(new Error('c does not close')));
  await expect(scope.close()).rejects.toThrow('c does not close');
  await expect(scope.close()).rejects.toThrow('c does not close');
  expect(closed).toEqual(['b', 'a']);
});

test('a part that does not close is named with what holds it, and keeps nothing else open', async () => {
  const clock = new FakeClock();
  const told: unknown[] = [];
  const closed: string[] = [];
  const scope = new Scope({ clock, onHeld: (...held) => told.push(held) });
  scope.own('store', 'store', () => void closed.push('store'));
  scope.own('calls', { open: 3 }, () => new Promise(() => {}), {
    deadlineMs: 700,
    holding: ({ open }) => `${open} calls`,
  });
  const closing = scope.close();
  clock.advance(699);
  expect(told).toEqual([]);
  clock.advance(1);
  await expect(closing).rejects.toThrow(HeldOpenError);
  expect(told).toEqual([['calls', 700, '3 calls']]);
  expect(scope.held).toEqual(['calls: 3 calls']);
  expect(closed).toEqual(['store']);
});
