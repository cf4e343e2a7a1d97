import { SidecarError } from '@orchestration-sidecar/shared';
import { expect, it } from 'vitest';
import type { Clock } from './clock.ts';
import { workWithHeartbeat } from './heartbeat.ts';

/** A clock whose timers run when told to. */
function handClock(): { clock: Clock; ring: () => void } {
  const waiting = new Set<() => void>();
  return {
    clock: {
      nowMs: () => 0,
      after(_delayMs, call) {
        waiting.add(call);
        return { cancel: () => waiting.delete(call) };
      },
    },
    ring() {
      for (const call of waiting) {
        waiting.delete(call);
        call();
      }
    },
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('beats at once and then in its rhythm, until the work is done', async () => {
  const { clock, ring } = handClock();
  let beats = 0;
  const beat = async (): Promise<void> => void beats++;
  const answer = await workWithHeartbeat(
    { clock, beat },
    async () => {
      for (let n = 0; n < 3; n++) {
        await turn();
        ring();
      }
      await turn();
      return 'done';
    },
    {},
  );
  expect([answer, beats]).toEqual(['done', 4]);
  ring();
  await turn();
  expect(beats).toBe(4);
});

it('ends the work when the sidecar says that the agent is over, and not when it is only away', async () => {
  const { clock, ring } = handClock();
  const refusals = [new SidecarError('UNREACHABLE'), new SidecarError('AGENT_ENDED')];
  const beat = async (): Promise<void> => {
    const refusal = refusals.shift();
    if (refusal) throw refusal;
  };
  const seen: boolean[] = [];
  const working = workWithHeartbeat(
    { clock, beat },
    async (signal) => {
      await turn();
      seen.push(signal.aborted);
      ring();
      await turn();
      seen.push(signal.aborted);
      signal.throwIfAborted();
    },
    {},
  );
  await expect(working).rejects.toMatchObject({ code: 'AGENT_ENDED' });
  expect(seen).toEqual([false, true]);
});

it('hands the caller’s signal on', async () => {
  const controller = new AbortController();
  const { clock } = handClock();
  const working = workWithHeartbeat(
    { clock, beat: async () => undefined },
    async (signal) => {
      controller.abort(new Error('enough'));
      signal.throwIfAborted();
    },
    { signal: controller.signal },
  );
  await expect(working).rejects.toThrow('enough');
});
