import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSidecarClient } from '@orchestration-sidecar/sdk';
import { expect, onTestFinished, test } from 'vitest';
import { readTokenTimes } from '../../packages/sdk/src/jwt.ts';
import { FakeClock } from '../../packages/server/src/runtime/fake-clock.ts';
import { makeCertificate } from '../support/certificate.ts';
import { startForTest } from '../support/sidecar-under-test.ts';

const HOUR_MS = 3_600_000;
/** Less than the life of a token. */
const STEP_MS = 0.75 * HOUR_MS;

test('a bash agent works for eight hours without a gap, over TLS', async () => {
  const clock = new FakeClock();
  const { certPath, keyPath, caPath, ca } = makeCertificate();
  await using sidecar = await startForTest({ tlsCert: certPath, tlsKey: keyPath, tlsCa: caPath }, { clock });
  const operator = createSidecarClient({ url: sidecar.url, token: sidecar.operatorToken, ca, environment: {} });
  await operator.issues.create({ issue_id: 'long', title: 'Work long' });
  const agentType = 'python-specialist';
  const { token, agent_id } = await operator.tokens.create({ agent_type: agentType });
  const directory = mkdtempSync(join(tmpdir(), 'sidecar-agent-'));
  const program = join(directory, 'agent.sh');
  writeFileSync(
    program,
    '#!/bin/bash\ntouch "$AGENT_DIR/started"\nwhile [ ! -e "$AGENT_DIR/go" ]; do sleep 0.05; done\n',
    { mode: 0o755 },
  );
  const { script } = await operator.agents.script({ agent_type: agentType, issue_id: 'long', agent_id, program });

  const agent = spawn('bash', ['-c', script], {
    env: {
      PATH: process.env['PATH'],
      HOME: directory,
      AGENT_DIR: directory,
      JWT_TOKEN: token,
      SIDECAR_CA_FILE: caPath,
      // In place of 40 minutes: the clock of the sidecar is moved on, that of bash cannot be.
      SIDECAR_REFRESH_SECONDS: '0.1',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(agent, 'exit');
  // A test that fails must not leave it behind.
  onTestFinished(() => void agent.kill('SIGTERM'));
  const file = join(directory, 'token');
  const newest = (): string => (existsSync(file) ? readFileSync(file, 'utf8').trim() : '');
  // Its context has been fetched, which takes time of the clock that is moved on from here.
  await expect.poll(() => existsSync(join(directory, 'started'))).toBe(true);
  const held = new Set<string>([token]);
  for (let passedMs = 0; passedMs < 8 * HOUR_MS; passedMs += STEP_MS) {
    await expect.poll(() => held.has(newest()) || newest() === '').toBe(false);
    // One that was under way when the clock jumped is new too, and would not live through the next step.
    await expect.poll(() => (readTokenTimes(newest())?.expiresAtMs ?? 0) - clock.nowMs()).toBeGreaterThan(STEP_MS);
    held.add(newest());
    clock.advance(STEP_MS);
    // The clock may jump while a new token is on its way into the file, past the minute that the old one has left. It
    // stands still from then on: a token that was not replaced in time stays dead, however long this waits.
    await expect.poll(() => operator.tokens.introspect({ token: newest() })).toMatchObject({ active: true, agent_id });
  }
  expect(statSync(file).mode & 0o077).toBe(0);
  writeFileSync(join(directory, 'go'), '');
  expect(await ended).toEqual([0, null]);
  expect(existsSync(file)).toBe(false);
  operator.close();
});
