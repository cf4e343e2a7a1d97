import { expect, test } from 'vitest';
import { FakeClock } from '../runtime/fake-clock.ts';
import { AdmissionQueue } from './admission-queue.ts';

const signal = new AbortController().signal;

test('lets in as many as there is room for, and the others in their order', async () => {
  const queue = new AdmissionQueue({ maxRunning: 2, maxWaiting: 2, maxWaitMs: 1000 }, new FakeClock());
  expect([queue.tryEnter(), queue.tryEnter(), queue.tryEnter()]).toEqual([true, true, false]);
  const order: string[] = [];
  const first = queue.enter(signal).then(() => order.push('first'));
  const second = queue.enter(signal).then(() => order.push('second'));
  await expect(queue.enter(signal)).rejects.toMatchObject({ code: 'OVERLOADED', retryable: true });
  queue.leave();
  await first;
  // Whoever waits comes before whoever comes now.
  expect(queue.tryEnter()).toBe(false);
  queue.leave();
  await second;
  expect(order).toEqual(['first', 'second']);
  queue.leave();
  queue.leave();
  expect({ running: queue.running, waiting: queue.waiting }).toEqual({ running: 0, waiting: 0 });
});

test('waits no longer than it may, and for nobody who has left', async () => {
  const clock = new FakeClock();
  const queue = new AdmissionQueue({ maxRunning: 1, maxWaiting: 2, maxWaitMs: 1000 }, clock);
  queue.tryEnter();
  const late = queue.enter(signal);
  const gone = new AbortController();
  const left = queue.enter(gone.signal);
  gone.abort();
  await expect(left).rejects.toMatchObject({ code: 'CLIENT_CLOSED' });
  clock.advance(1000);
  await expect(late).rejects.toMatchObject({ code: 'OVERLOADED', extension: { retry_after_seconds: 1 } });
  expect({ waiting: queue.waiting, timers: clock.pending }).toEqual({ waiting: 0, timers: 0 });
  queue.leave();
  expect(queue.tryEnter()).toBe(true);
});
