import { describe, expect, test } from 'vitest';
import { FakeClock } from '../runtime/fake-clock.ts';
import type { AgentPrincipal } from '../runtime/principal.ts';
import { withinDeadline } from './deadline.ts';
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
const times = async (count: number, take: () => Promise<void>): Promise<void> => {
  for (let n = 0; n < count; n += 1) await take();
};

describe('rate limits', () => {
  test('an agent gone astray meets its own limit, and takes nothing of its type’s', async () => {
    const limits = new RateLimits({ perAgent: 1, perAgentType: 2, perProject: 100 });
    await times(10, () => limits.take(agent('a-1', 'a')));
    await expect(limits.take(agent('a-1', 'a'))).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      extension: { limit: 'agent', quota: 10, window_seconds: 10, retry_after_seconds: expect.any(Number) },
    });
    await times(10, () => limits.take(agent('a-2', 'a')));
  });

  test('hold per agent type within a project and per project', async () => {
    const limits = new RateLimits({ perAgent: 0, perAgentType: 1, perProject: 2 });
    await times(10, () => limits.take(agent('a-1', 'a')));
    await expect(limits.take(agent('a-2', 'a'))).rejects.toMatchObject({ extension: { limit: 'agent_type' } });
    await times(10, () => limits.take(agent('b-1', 'b')));
    await expect(limits.take(agent('c-1', 'c'))).rejects.toMatchObject({ extension: { limit: 'project' } });
    // Another project has limits of its own, for the same type too.
    await times(10, () => limits.take(agent('a-3', 'a', 'q')));
  });

  test('119 agents at 100 requests a second each never meet the defaults, whatever their types', async () => {
    const { SETTINGS } = await import('../runtime/settings.ts');
    const limits = new RateLimits({
      perAgent: SETTINGS.rateLimitPerAgent.default,
      perAgentType: SETTINGS.rateLimitPerAgentType.default,
      perProject: SETTINGS.rateLimitPerProject.default,
    });
    const honest = Array.from({ length: 119 }, (_, n) => times(1000, () => limits.take(agent(`a-${n}`, 'a'))));
    await expect(Promise.all(honest)).resolves.toHaveLength(119);
  });
});

test('memory is scarce from the bound on, and plentiful again only well below it', () => {
  const mb = 1024 * 1024;
  let residentBytes = 100 * mb;
  const watch = new MemoryWatch(200, () => ({ residentBytes, heapBytes: 0 }));
  expect([watch.look(), watch.isHigh]).toEqual([false, false]);
  residentBytes = 200 * mb;
  expect([watch.look(), watch.isHigh]).toEqual([true, true]);
  residentBytes = 195 * mb;
  expect([watch.look(), watch.isHigh]).toEqual([false, true]);
  residentBytes = 180 * mb;
  expect([watch.look(), watch.isHigh]).toEqual([true, false]);
});

describe('a deadline', () => {
  const entry = { kind: 'query', name: 'x.y' } as const;
  const never = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

  test('ends the work and answers TIMEOUT', async () => {
    const clock = new FakeClock();
    const done = withinDeadline(entry, { signal: new AbortController().signal }, clock, never);
    clock.advance(29_999);
    expect(clock.pending).toBe(1);
    clock.advance(1);
    await expect(done).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  test('the caller’s leaving reaches the work', async () => {
    const caller = new AbortController();
    const done = withinDeadline(entry, caller, new FakeClock(), never);
    caller.abort(new Error('left'));
    await expect(done).rejects.toThrow('left');
  });

  test('is not set for what is meant to wait, and leaves no timer behind', async () => {
    const clock = new FakeClock();
    await withinDeadline({ ...entry, load: 'waits' }, new AbortController(), clock, async () => {
      expect(clock.pending).toBe(0);
    });
    await withinDeadline(entry, new AbortController(), clock, async () => expect(clock.pending).toBe(1));
    await Promise.resolve();
    expect(clock.pending).toBe(0);
  });
});
