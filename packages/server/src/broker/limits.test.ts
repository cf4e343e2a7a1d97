import { describe, expect, test } from 'vitest';
import { systemClock } from '../runtime/clock.ts';
import { FakeClock } from '../runtime/fake-clock.ts';
import type { AgentPrincipal } from '../runtime/principal.ts';
import { DEADLINE_SWEEP_MS, Deadlines } from './deadline.ts';
import { MemoryWatch } from './memory-watch.ts';
import { RateLimits } from './rate-limits.ts';

const agent = (agentId: string, agentType: string, projectId = 'p'): AgentPrincipal => ({
  kind: 'agent',
  agentId,
  agentType,
  projectId,
  permissions: [],
  tokenId: agentId,
  expiresAtMs: Infinity,
});
const times = async (count: number, take: () => Promise<void> | undefined): Promise<void> => {
  for (let n = 0; n < count; n += 1) await take();
};

describe('rate limits', () => {
  test('an agent gone astray meets its own limit, and takes nothing of its type’s', async () => {
    const limits = new RateLimits({ perAgent: 1, perAgentType: 2, perProject: 100 }, systemClock);
    await times(10, () => limits.take(agent('a-1', 'a')));
    await expect(limits.take(agent('a-1', 'a'))).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      extension: { limit: 'agent', quota: 10, window_seconds: 10, retry_after_seconds: expect.any(Number) },
    });
    await times(10, () => limits.take(agent('a-2', 'a')));
  });

  test('hold per agent type within a project and per project', async () => {
    const limits = new RateLimits({ perAgent: 0, perAgentType: 1, perProject: 2 }, systemClock);
    await times(10, () => limits.take(agent('a-1', 'a')));
    await expect(limits.take(agent('a-2', 'a'))).rejects.toMatchObject({ extension: { limit: 'agent_type' } });
    await times(10, () => limits.take(agent('b-1', 'b')));
    await expect(limits.take(agent('c-1', 'c'))).rejects.toMatchObject({ extension: { limit: 'project' } });
    // Another project has limits of its own, for the same type too.
    await times(10, () => limits.take(agent('a-3', 'a', 'q')));
  });

  test('let through exactly as many as allowed, also where they are counted in batches', async () => {
    const limits = new RateLimits({ perAgent: 1234.5, perAgentType: 0, perProject: 0 }, systemClock);
    const answers = await Promise.allSettled(
      Array.from({ length: 12_400 }, async () => limits.take(agent('a-1', 'a'))),
    );
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(12_345);
  });

  test('119 agents at 100 requests a second each never meet the defaults, whatever their types', async () => {
    const { SETTINGS } = await import('../runtime/settings.ts');
    const options = {
      perAgent: SETTINGS.rateLimitPerAgent.default,
      perAgentType: SETTINGS.rateLimitPerAgentType.default,
      perProject: SETTINGS.rateLimitPerProject.default,
    };
    const limits = new RateLimits(options, systemClock);
    const honest = Array.from({ length: 119 }, (_, n) => times(1000, () => limits.take(agent(`a-${n}`, 'a'))));
    await expect(Promise.all(honest)).resolves.toHaveLength(119);
  });
});

describe('memory', () => {
  const mb = 1024 * 1024;

  /** A watch over memory that a test decides on, with a bound of 200 MB and 50 MB that V8 has nothing to do with. */
  function watched() {
    const memory = { residentBytes: 100 * mb, heapBytes: 0, managedBytes: 50 * mb };
    let collections = 0;
    const collect = { collect: (): void => undefined };
    const watch = new MemoryWatch(200, {
      read: () => ({ ...memory }),
      collect: () => {
        collections += 1;
        collect.collect();
      },
    });
    return { memory, watch, collect, collections: () => collections };
  }

  test('is scarce from the bound on, and plentiful again only well below it', () => {
    const { memory, watch } = watched();
    expect([watch.look(), watch.isHigh]).toEqual([false, false]);
    Object.assign(memory, { residentBytes: 200 * mb, managedBytes: 150 * mb });
    expect([watch.look(), watch.isHigh]).toEqual([true, true]);
    Object.assign(memory, { residentBytes: 195 * mb, managedBytes: 145 * mb });
    expect([watch.look(), watch.isHigh]).toEqual([false, true]);
    Object.assign(memory, { residentBytes: 180 * mb, managedBytes: 130 * mb });
    expect([watch.look(), watch.isHigh]).toEqual([true, false]);
  });

  test('is not scarce for garbage, which is collected first, and not at every look', () => {
    const { memory, watch, collect, collections } = watched();
    collect.collect = () => Object.assign(memory, { residentBytes: 120 * mb, managedBytes: 70 * mb });
    Object.assign(memory, { residentBytes: 300 * mb, managedBytes: 250 * mb });
    expect([watch.look(), watch.isHigh, collections()]).toEqual([false, false, 1]);
    Object.assign(memory, { residentBytes: 300 * mb, managedBytes: 250 * mb });
    expect([watch.look(), watch.isHigh, collections()]).toEqual([true, true, 1]);
    for (let look = 1; look < 40; look += 1) watch.look();
    expect([watch.isHigh, collections()]).toEqual([true, 1]);
    expect([watch.look(), watch.isHigh, collections()]).toEqual([true, false, 2]);
  });

  test('that was freed and that the C library keeps does not leave it scarce for good', () => {
    const { memory, watch } = watched();
    Object.assign(memory, { residentBytes: 900 * mb, managedBytes: 850 * mb });
    watch.look();
    memory.managedBytes = 60 * mb;
    expect([watch.look(), watch.isHigh]).toEqual([true, false]);
    // What is kept is used up before the process grows.
    memory.managedBytes = 140 * mb;
    expect([watch.look(), watch.isHigh]).toEqual([false, false]);
    memory.managedBytes = 151 * mb;
    expect([watch.look(), watch.isHigh]).toEqual([true, true]);
  });

  test('that grows outside of V8 is scarce all the same', () => {
    const { memory, watch } = watched();
    memory.residentBytes = 250 * mb;
    expect([watch.look(), watch.isHigh]).toEqual([true, true]);
    memory.residentBytes = 300 * mb;
    expect([watch.look(), watch.isHigh]).toEqual([false, true]);
  });
});

describe('a deadline', () => {
  const entry = { kind: 'query', name: 'x.y' } as const;
  const never = ({ signal }: { readonly signal: AbortSignal }): Promise<never> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

  test('ends the work and answers TIMEOUT', async () => {
    const clock = new FakeClock();
    let ended: unknown;
    const done = new Deadlines(clock).within(entry, new AbortController(), (time) =>
      never(time).catch((cause: unknown) => {
        ended = cause;
        throw cause;
      }),
    );
    const outcome = done.catch((cause: unknown) => cause);
    clock.advance(29_999);
    await Promise.resolve();
    expect(ended).toBeUndefined();
    clock.advance(DEADLINE_SWEEP_MS);
    expect(await outcome).toMatchObject({ code: 'TIMEOUT', detail: expect.stringContaining('x.y') });
    expect(ended).toMatchObject({ code: 'TIMEOUT' });
  });

  test('regression: neither comes early nor late when the clock is set meanwhile', async () => {
    const clock = new FakeClock();
    let outcome: unknown;
    void new Deadlines(clock).within(entry, new AbortController(), never).catch((cause: unknown) => (outcome = cause));
    clock.set(3_600_000);
    clock.advance(29_999);
    await Promise.resolve();
    expect(outcome).toBeUndefined();
    clock.set(-7_200_000);
    clock.advance(DEADLINE_SWEEP_MS);
    await expect.poll(() => outcome).toMatchObject({ code: 'TIMEOUT' });
  });

  test('holds for work that does not look at its signal, and for a signal that is read too late', async () => {
    const clock = new FakeClock();
    const time = Promise.withResolvers<{ readonly signal: AbortSignal }>();
    const done = new Deadlines(clock).within(entry, new AbortController(), (given) => {
      time.resolve(given);
      return new Promise<never>(() => {});
    });
    const outcome = done.catch((cause: unknown) => cause);
    clock.advance(30_000 + DEADLINE_SWEEP_MS);
    expect(await outcome).toMatchObject({ code: 'TIMEOUT' });
    expect((await time.promise).signal).toMatchObject({ aborted: true, reason: { code: 'TIMEOUT' } });
  });

  test('comes for each in its turn, however long the others may take', async () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock);
    const ended: string[] = [];
    const begin = (name: string, deadlineMs: number) =>
      deadlines.within({ ...entry, name, deadlineMs }, new AbortController(), never).catch(() => ended.push(name));
    const all = [begin('long', 60_000), begin('short', 1000)];
    clock.advance(500);
    all.push(begin('later', 1000));
    clock.advance(750);
    await expect.poll(() => ended).toEqual(['short']);
    clock.advance(500);
    await expect.poll(() => ended).toEqual(['short', 'later']);
    clock.advance(60_000);
    await Promise.all(all);
    expect(ended).toEqual(['short', 'later', 'long']);
  });

  test('the caller’s leaving reaches the work', async () => {
    const caller = new AbortController();
    const done = new Deadlines(new FakeClock()).within(entry, caller, never);
    caller.abort(new Error('left'));
    await expect(done).rejects.toThrow('left');
  });

  test('is not set for what is meant to wait; one timer serves all, and none when nothing is under way', async () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock);
    await deadlines.within({ ...entry, load: 'waits' }, new AbortController(), async () => {
      expect(clock.pending).toBe(0);
    });
    const caller = new AbortController();
    const all = Array.from({ length: 100 }, () => deadlines.within(entry, caller, never));
    const outcome = Promise.allSettled(all);
    expect(clock.pending).toBe(1);
    caller.abort(new Error('left'));
    expect((await outcome).every(({ status }) => status === 'rejected')).toBe(true);
    clock.advance(DEADLINE_SWEEP_MS);
    expect(clock.pending).toBe(0);
  });
});
