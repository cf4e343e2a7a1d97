import { expect, test } from 'vitest';
import { createSidecarClient } from '@orchestration-sidecar/sdk';
import { FakeClock } from '../../packages/server/src/runtime/fake-clock.ts';
import { startForTest } from '../support/sidecar-under-test.ts';

const MINUTE_MS = 60_000;

test('an agent works for eight hours without a gap, through a rotation of keys and a restart', async () => {
  const clock = new FakeClock();
  await using sidecar = await startForTest({}, { clock });
  await sidecar.createIssue('long');
  const { token, agentId } = await sidecar.mint('python-specialist');
  // Without chance, a token is exchanged when a tenth of its life is left: six minutes.
  const options = { url: sidecar.url, token, clock, random: () => 0, maxAttempts: 1, environment: {} };
  const client = createSidecarClient(options);
  const held = new Set<string | null>();
  for (let minute = 0; minute < 8 * 60; minute += 4) {
    clock.advance(4 * MINUTE_MS);
    if (minute === 120) await sidecar.call('POST', '/api/tokens/rotate-keys', { body: {} });
    if (minute === 240) await sidecar.restart();
    // Fails with the first call that is refused; waits for an exchange under way before time goes on.
    const left = async (): Promise<number> => {
      const state = await client.tokens.introspect({});
      expect(state).toMatchObject({ active: true, agent_id: agentId });
      held.add(state.token_id);
      return Date.parse(state.expires_at ?? '') - clock.nowMs();
    };
    await expect.poll(left, { timeout: 30_000, interval: 5 }).toBeGreaterThan(6 * MINUTE_MS);
  }
  await client.events.publish({ event_type: 'still_here', topic: 'implementation' });
  client.close();
  expect(held.size).toBeGreaterThanOrEqual(9);
  expect(held.size).toBeLessThanOrEqual(13);
});
