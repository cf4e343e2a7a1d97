import { expect, test } from 'vitest';
import { Scope } from './scope.ts';

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
