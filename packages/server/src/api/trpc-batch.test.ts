import { contract } from '@orchestration-sidecar/shared';
import { expect, test } from 'vitest';
import { TrpcBatch } from './trpc-batch.ts';

const MB = 1024 * 1024;

test('answers of one batch are made one after the other, in one place, until they are enough together', async () => {
  let places = 0;
  let underWay = 0;
  const batch = new TrpcBatch(async () => void (places += 1));
  const answers = Array.from({ length: 5 }, () =>
    batch.answer(contract.events.list, async () => {
      expect((underWay += 1)).toBe(1);
      await new Promise(setImmediate);
      underWay -= 1;
      return 'x'.repeat(3 * MB);
    }),
  );
  const outcomes = await Promise.allSettled(answers);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected', 'rejected']);
  expect(outcomes.at(-1)).toMatchObject({ reason: { code: 'RATE_LIMITED' } });
  expect(places).toBe(1);
  // What answers little is done all the same.
  await expect(batch.answer(contract.events.publish, async () => 'done')).resolves.toBe('done');
});

test('calls that wait in one batch wait at the same time, and take a place when they have something', async () => {
  let places = 0;
  const batch = new TrpcBatch(async () => void (places += 1));
  const event = Promise.withResolvers<string>();
  const waiting = [1, 2, 3].map(() => batch.answer(contract.events.wait, () => event.promise));
  await expect(batch.answer(contract.system.health, async () => 'well')).resolves.toBe('well');
  expect(places).toBe(0);
  event.resolve('x'.repeat(3 * MB));
  const outcomes = await Promise.allSettled(waiting);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
  expect(places).toBe(1);
});
