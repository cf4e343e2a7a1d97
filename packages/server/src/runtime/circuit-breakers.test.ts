import { expect, test } from 'vitest';
import { CircuitBreakers } from './circuit-breakers.ts';
import { FakeClock } from './fake-clock.ts';

const policy = { failures: 3, probeAfterMs: 5000 };
const fail = (): Promise<never> => Promise.reject(new Error('down'));

test('opens after failures in a row, lets a probe through later, and closes when that succeeds', async () => {
  const turns: [string, boolean][] = [];
  const clock = new FakeClock();
  const breakers = new CircuitBreakers({ policy, clock, onTurn: (...turn) => turns.push(turn) });
  const breaker = breakers.around({ kind: 'launcher', key: '/bin/x', name: 'launcher x' });
  let calls = 0;
  const down = (): Promise<never> => {
    calls += 1;
    return fail();
  };
  for (let n = 0; n < 3; n += 1) await expect(breaker.run(down)).rejects.toThrow('down');
  // What strangers may read names no program.
  expect(breakers.readings()).toMatchObject([{ name: 'launcher', state: 'open', failures: 3 }]);
  expect(breakers.openByKind()).toMatchObject({ launcher: 1, git: 0 });

  const open = { code: 'CIRCUIT_OPEN', retryable: true, extension: { breaker: 'launcher x', retry_after_seconds: 5 } };
  expect(breaker.refusal()).toMatchObject(open);
  await expect(breaker.run(down)).rejects.toMatchObject(open);
  expect(calls).toBe(3);

  // A clock that is set back does not make it wait longer. A probe that fails opens it again; one that succeeds closes it.
  clock.set(-3_600_000);
  clock.advance(4999);
  expect(breaker.refusal()).toMatchObject({ extension: { retry_after_seconds: 1 } });
  clock.advance(1);
  expect(breaker.refusal()).toBeUndefined();
  await expect(breaker.run(down)).rejects.toThrow('down');
  expect(breaker.refusal()).toMatchObject({ code: 'CIRCUIT_OPEN' });
  clock.advance(5000);
  await expect(breaker.run(async () => 'up')).resolves.toBe('up');
  expect(breakers.readings()).toMatchObject([{ state: 'closed', failures: 0 }]);
  expect(turns).toEqual([
    ['launcher x', true],
    ['launcher x', true],
    ['launcher x', false],
  ]);
});

test('a success in between, and faults of other things, do not count', async () => {
  const breakers = new CircuitBreakers({ policy });
  const breaker = breakers.around({ kind: 'git', isFailure: (cause) => cause instanceof TypeError });
  for (let n = 0; n < 10; n += 1) await expect(breaker.run(fail)).rejects.toThrow('down');
  const failOwn = (): Promise<never> => Promise.reject(new TypeError('own'));
  for (let n = 0; n < 5; n += 1) {
    await expect(breaker.run(failOwn)).rejects.toThrow('own');
    await expect(breaker.run(failOwn)).rejects.toThrow('own');
    await breaker.run(async () => undefined);
  }
  expect(breakers.readings()).toMatchObject([{ name: 'git', state: 'closed', failures: 0 }]);
});

test('one thing’s failing does not touch another of its kind; shown is the worst of a name', async () => {
  const breakers = new CircuitBreakers({ policy });
  const [bad, good] = ['/a', '/b'].map((key) => breakers.around({ kind: 'git', key }));
  for (let n = 0; n < 3; n += 1) await expect(bad?.run(fail)).rejects.toThrow('down');
  await expect(good?.run(async () => 1)).resolves.toBe(1);
  expect(breakers.readings()).toMatchObject([{ name: 'git', state: 'open' }]);
});

test('keeps a bounded number, and forgets none that has failed', async () => {
  const breakers = new CircuitBreakers({ policy });
  const bad = breakers.around({ kind: 'launcher', key: 'bad' });
  await expect(bad.run(fail)).rejects.toThrow('down');
  for (let n = 0; n < 1000; n += 1) breakers.around({ kind: 'launcher', key: `${n}`, name: `${n}` });
  expect(breakers.readings().length).toBeLessThanOrEqual(256);
  expect(breakers.around({ kind: 'launcher', key: 'bad' })).toBe(bad);
});
