import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

const PATIENT = { timeout: 25_000, interval: 100 };
const FAILURES = 5;

const breakerOf = async (sidecar: SidecarUnderTest, name: string) => {
  const { body } = await sidecar.call('GET', '/status', { token: null });
  const all = (body.breakers ?? []) as { name: string; state: string; failures: number }[];
  return all.find((breaker) => breaker.name === name);
};

test('a context comes without history while git fails, says so, and has it again afterwards', async () => {
  await using sidecar = await startForTest();
  await sidecar.createIssue('issue-1');
  const context = async () => (await sidecar.call('GET', '/api/context/issue-1/python-specialist')).body.context;
  const index = join(sidecar.project, '.git', 'index');
  copyFileSync(index, `${sidecar.dataDir}/index`);
  writeFileSync(index, 'no index');
  for (let n = 0; n < FAILURES; n += 1) {
    const { git_context: git, project_structure: structure } = await context();
    expect(git).toMatchObject({ recent_commits: [], unavailable: expect.stringContaining('git') });
    expect(structure.total_files).toBeGreaterThan(0);
  }
  // A look for the watch, off the way of requests, may have been under way as it opened, and counts too.
  const git = await breakerOf(sidecar, 'git');
  expect(git?.state).toBe('open');
  expect(git?.failures).toBeGreaterThanOrEqual(FAILURES);
  expect((await context()).git_context.unavailable).not.toBeNull();

  copyFileSync(`${sidecar.dataDir}/index`, index);
  await expect.poll(async () => (await context()).git_context.unavailable, PATIENT).toBeNull();
  expect((await context()).git_context.recent_commits).not.toEqual([]);
  expect(await breakerOf(sidecar, 'git')).toMatchObject({ state: 'closed' });
});

test('a disk that refuses a mirror is left alone, and the mirror catches up', async () => {
  await using sidecar = await startForTest();
  const mirror = join(sidecar.dataDir, 'events', 'event-log.jsonl');
  const publish = () => sidecar.call('POST', '/api/events/note', { body: { topic: 'coordination', data: {} } });
  await publish();
  rmSync(mirror, { force: true });
  mkdirSync(join(mirror, 'in-the-way'), { recursive: true });
  await expect
    .poll(async () => {
      expect((await publish()).status).toBe(202);
      return (await breakerOf(sidecar, 'event mirror'))?.state;
    }, PATIENT)
    .toBe('open');
  rmSync(mirror, { recursive: true });
  await expect.poll(async () => (await breakerOf(sidecar, 'event mirror'))?.state, PATIENT).toBe('closed');
  const lines = () => readFileSync(mirror, 'utf8').trim().split('\n').length;
  await expect.poll(lines, PATIENT).toBe((await sidecar.call('GET', '/status')).body.events.total_published);
});

test('status shows what the broker has to do, what it refused, and the marks of memory', async () => {
  await using sidecar = await startForTest({ rateLimitPerAgent: 0.1 });
  const { token } = await sidecar.mint('python-specialist');
  for (let n = 0; n < 3; n += 1) await sidecar.call('GET', '/api/issues', { token });
  const { body } = await sidecar.call('GET', '/status', { token: null });
  expect(body.requests).toEqual({ running: expect.any(Number), waiting: 0, shed_total: 0, rate_limited_total: 2 });
  expect(body.memory.scarce).toBe(false);
  expect(body.memory.max_resident_mb).toBeGreaterThan(body.memory.resident_mb);
  const { body: metrics } = await sidecar.call('GET', '/metrics', { token: null });
  expect(metrics).toContain('sidecar_requests_limited_total 2');
});
