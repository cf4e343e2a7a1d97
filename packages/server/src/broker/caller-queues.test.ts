import { expect, test } from 'vitest';
import { FakeClock } from '../runtime/fake-clock.ts';
import { CallerQueues } from './caller-queues.ts';

const call = { signal: new AbortController().signal };

test('one caller’s places are no other’s, and are free again when they are given back', async () => {
  const clock = new FakeClock();
  const queues = new CallerQueues({ maxRunning: 1, maxWaiting: 1, maxWaitMs: 1000 }, clock);
  const leave = await queues.enter('a', call);
  const second = queues.enter('a', call);
  await expect(queues.enter('a', call)).rejects.toMatchObject({
    code: 'RATE_LIMITED',
    extension: { retry_after_seconds: 1 },
  });
  const other = queues.enter('b', call);
  expect(other).toBeTypeOf('function');
  leave();
  const leaveSecond = await second;
  const late = queues.enter('a', call);
  clock.advance(1000);
  await expect(late).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  leaveSecond();
  expect(queues.enter('a', call)).toBeTypeOf('function');
  expect(queues.refusedCount).toBe(2);
});

test('regression: what callers may have at once was bounded for each, but eight times as much for all', async () => {
  const queues = new CallerQueues({ maxRunning: 3, maxFurther: 2, maxWaiting: 5, maxWaitMs: 1000 }, new FakeClock());
  const enter = (caller: string): (() => void) | Promise<() => void> => queues.enter(caller, call);
  const leaving = [await enter('a'), await enter('a'), await enter('a')];
  // Everybody has a place, whatever others have; a second one when somebody gives it back.
  const leaveFirst = await enter('b');
  const second = enter('b');
  expect([enter('c'), second]).toEqual([expect.any(Function), expect.any(Promise)]);
  leaveFirst();
  const leaveSecond = await second;
  for (const leave of leaving) leave();
  const further = [enter('b'), enter('c')];
  expect(further).toEqual([expect.any(Function), expect.any(Function)]);
  expect(enter('b')).toBeInstanceOf(Promise);
  leaveSecond();
});
