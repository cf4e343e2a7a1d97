import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SidecarError } from '@orchestration-sidecar/shared';
import type { Clock } from './clock.ts';
import { AskedToken, KeptToken, type KeptTokenNeeds } from './token.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 10, 23, 12);

class FakeClock implements Clock {
  #nowMs = START_MS;
  #pending: { atMs: number; call: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, call: () => void) {
    const entry = { atMs: this.#nowMs + delayMs, call };
    this.#pending.push(entry);
    return { cancel: () => void (this.#pending = this.#pending.filter((other) => other !== entry)) };
  }

  get pending(): number {
    return this.#pending.length;
  }

  /** Lets time pass, and what is due happen. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#pending.filter((entry) => entry.atMs <= endMs).toSorted((a, b) => a.atMs - b.atMs)[0];
      if (!next) break;
      this.#pending = this.#pending.filter((entry) => entry !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.call();
      await settled();
    }
    this.#nowMs = endMs;
    await settled();
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function makeToken(issuedAtMs: number, lifeMs = HOUR_MS, serial = 0): string {
  const claims = { iat: issuedAtMs / 1000, exp: (issuedAtMs + lifeMs) / 1000, jti: `é-${serial}` };
  return `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`;
}

function expiresAtMs(token: string): number {
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { exp: number };
  return claims.exp * 1000;
}

function keep(
  clock: FakeClock,
  needs: Partial<KeptTokenNeeds> = {},
): { kept: KeptToken; refreshed: number[]; close: () => void } {
  const refreshed: number[] = [];
  const closed = new AbortController();
  const kept = new KeptToken({
    token: makeToken(START_MS),
    refresh: async () => {
      refreshed.push(clock.nowMs());
      return makeToken(clock.nowMs(), HOUR_MS, refreshed.length);
    },
    clock,
    random: () => 0.5,
    signal: closed.signal,
    ...needs,
  });
  return { kept, refreshed, close: () => closed.abort() };
}

describe('a kept token', () => {
  it('is valid at every moment of eight hours', async () => {
    const clock = new FakeClock();
    const { kept, refreshed, close } = keep(clock, { random: Math.random });
    for (let minute = 0; minute < 8 * 60; minute++) {
      await clock.advance(60_000);
      const token = await kept.current();
      expect(token && expiresAtMs(token)).toBeGreaterThan(clock.nowMs());
    }
    expect(refreshed.length).toBeGreaterThanOrEqual(8);
    expect(refreshed.length).toBeLessThanOrEqual(12);
    close();
    expect(clock.pending).toBe(0);
  });

  it('is refreshed between 70 % and 90 % of its life, whatever its length', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 60, max: 90 * 86_400 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        async (life, chance) => {
          const clock = new FakeClock();
          const { refreshed, close } = keep(clock, { token: makeToken(START_MS, life * 1000), random: () => chance });
          await clock.advance(life * 700 - 1);
          expect(refreshed).toEqual([]);
          await clock.advance(life * 200 + 2);
          expect(refreshed.length).toBeGreaterThanOrEqual(1);
          close();
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is refreshed once for all who ask', async () => {
    const clock = new FakeClock();
    const answers: ((token: string) => void)[] = [];
    const refresh = () => new Promise<string>((resolve) => answers.push(resolve));
    const { kept, close } = keep(clock, { refresh });
    await clock.advance(HOUR_MS - 5000);
    const asked = [kept.current(), kept.current(), kept.current()];
    await settled();
    expect(answers).toHaveLength(1);
    answers[0]?.('next');
    expect(await Promise.all(asked)).toEqual(['next', 'next', 'next']);
    close();
  });

  it('does not hold up calls while it is still good', async () => {
    const clock = new FakeClock();
    const { kept, close } = keep(clock, { refresh: () => new Promise(() => undefined) });
    await clock.advance(0.85 * HOUR_MS);
    expect(await kept.current()).toBe(makeToken(START_MS));
    close();
  });

  it('is tried again while the sidecar is away, and left alone when it refuses', async () => {
    const clock = new FakeClock();
    let refusals: SidecarError[] = [new SidecarError('UNREACHABLE'), new SidecarError('STORAGE_UNAVAILABLE')];
    let calls = 0;
    const refresh = async (): Promise<string> => {
      calls++;
      const error = refusals.shift();
      if (error) throw error;
      return makeToken(clock.nowMs(), HOUR_MS, calls);
    };
    const { kept, close } = keep(clock, { refresh });
    await clock.advance(0.9 * HOUR_MS);
    expect(calls).toBe(3);
    refusals = [new SidecarError('AGENT_ENDED')];
    await clock.advance(2 * HOUR_MS);
    expect(calls).toBe(4);
    await kept.current();
    await clock.advance(HOUR_MS);
    expect(calls).toBe(4);
    close();
  });

  it('tells who listens that it was replaced', async () => {
    const clock = new FakeClock();
    const { kept, close } = keep(clock);
    let told = 0;
    const stop = kept.onChange(() => told++);
    await clock.advance(0.9 * HOUR_MS);
    expect(told).toBe(1);
    stop();
    await clock.advance(HOUR_MS);
    expect(told).toBe(1);
    close();
  });

  it('without an end is never refreshed', async () => {
    for (const token of ['operator', 'a.b.c', `h.${btoa('{"exp":"soon"}')}.s`, `h.${btoa('7')}.s`]) {
      const clock = new FakeClock();
      const { kept, refreshed, close } = keep(clock, { token });
      await clock.advance(1000 * HOUR_MS);
      expect(await kept.current()).toBe(token);
      expect(refreshed).toEqual([]);
      close();
    }
  });

  it('is shared through its file: read first, written when refreshed, adopted when another process refreshed it', async () => {
    const clock = new FakeClock();
    let content = `${makeToken(START_MS, HOUR_MS, 100)}\n`;
    const file = { read: async () => content, write: async (token: string) => void (content = token) };
    const { kept, refreshed, close } = keep(clock, { file });
    expect(await kept.current()).toBe(content.trim());
    await clock.advance(0.9 * HOUR_MS);
    expect(refreshed).toHaveLength(1);
    expect(await kept.current()).toBe(content);

    content = makeToken(clock.nowMs(), HOUR_MS, 200);
    await clock.advance(0.75 * HOUR_MS);
    expect(refreshed).toHaveLength(1);
    expect(await kept.current()).toBe(content);

    expect(await kept.replaced(content)).toBe(false);
    const refused = content;
    content = makeToken(clock.nowMs(), HOUR_MS, 300);
    expect(await kept.replaced(refused)).toBe(true);
    close();
  });
});

it('an asked token is asked for each time', async () => {
  let serial = 0;
  const asked = new AskedToken(() => `token-${serial}`);
  expect(await asked.current()).toBe('token-0');
  expect(await asked.replaced('token-0')).toBe(false);
  serial++;
  expect(await asked.replaced('token-0')).toBe(true);
  expect(await asked.current()).toBe('token-1');
});
