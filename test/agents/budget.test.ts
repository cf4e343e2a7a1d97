import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { bashAgent, eventTypesOf, profileOverlay, spawn, statusOf, until } from '../support/agents-under-test.ts';
import { processesOf } from '../support/process-list.ts';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

let sidecar: SidecarUnderTest;
let profilesDir: string;
async function start(flags: Parameters<typeof startForTest>[0]): Promise<void> {
  profilesDir = mkdtempSync(join(tmpdir(), 'sidecar-profiles-'));
  profileOverlay(profilesDir, 'python-specialist', {
    limits: { tokens: 1000, cost_usd: 2, max_retries: 0 },
    model: { tier: 'opus', fallback: 'haiku', fallback_when: ['budget_low'] },
  });
  sidecar = await startForTest({ profilesDir, ...flags });
  await sidecar.createIssue('issue-1');
}
afterEach(async () => {
  await sidecar.call('POST', '/api/agents/stop', { body: {} });
  await sidecar[Symbol.asyncDispose]();
  rmSync(profilesDir, { recursive: true, force: true });
});

/** An agent that says what it used, and then ends or sleeps. */
const using = (name: string, tokens: number, usd: number, then = 'exit 0'): object =>
  bashAgent(
    sidecar,
    name,
    `echo '{"type":"usage","input_tokens":${tokens},"output_tokens":0,"cost_usd":${usd}}'\n${then}`,
  );
async function budget() {
  const { body } = await sidecar.call('GET', '/api/projects');
  return (await sidecar.call('GET', `/api/projects/${body.projects[0].project_id}/budget`)).body;
}

/** An issue `thrifty` that has limits and starts no agent of its own. */
async function waitingIssue(limits: object): Promise<void> {
  mkdirSync(join(profilesDir, 'workflows'), { recursive: true });
  const phase = { name: 'wait', task: 'Wait.', run: { by: 'agents', agents: ['python-specialist'] } };
  const phases = [{ ...phase, wait_for: [{ event_type: 'never_published' }] }];
  const workflow = { name: 'thrifty', description: 'A test.', phases, limits: { max_wall_seconds: 600, ...limits } };
  writeFileSync(join(profilesDir, 'workflows/thrifty.json'), JSON.stringify(workflow));
  await sidecar.restart();
  await sidecar.call('POST', '/api/issues', { body: { issue_id: 'thrifty', title: 'Thrifty', workflow: 'thrifty' } });
}

/** What was said of the project’s budget, and why. */
async function warnings(): Promise<[string, string][]> {
  const { body } = await sidecar.call('GET', '/api/events?topic=coordination&limit=1000');
  const said = body.events.filter(({ event_type: type }: { event_type: string }) => type.startsWith('project_budget'));
  return said.map(({ event_type, data }: { event_type: string; data: { reason: string } }) => [
    event_type,
    data.reason,
  ]);
}

test('what live agents may still use is reserved, and what was used is gone for the day', async () => {
  await start({ maxProjectTokens: 1500 });
  const { body: first } = await spawn(sidecar, using('first', 300, 0.5, 'exec sleep 60'));
  await expect
    .poll(async () => (await budget()).tokens, { timeout: 10_000 })
    .toEqual({ used: 300, reserved: 700, max: 1500 });
  expect((await budget()).cost_usd).toEqual({ used: 0.5, reserved: 1.5, max: null });
  const { body: second } = await spawn(sidecar, using('second', 950, 0));
  await until(sidecar, second.agent_id, 'exited');
  // 1,250 are used and 700 reserved: it may pass when the first one ends.
  const reserved = await spawn(sidecar, using('third', 1, 0));
  expect(reserved).toMatchObject({ status: 429, body: { code: 'AGENT_LIMIT_REACHED', retryable: true } });
  await sidecar.call('POST', `/api/agents/${first.agent_id}/stop`, { body: {} });
  const { body: fourth } = await spawn(sidecar, using('fourth', 400, 0));
  // Four fifths are used: little is left, so the profile falls back to a smaller model.
  expect((await until(sidecar, fourth.agent_id, 'exited')).model_tier).toBe('haiku');
  expect((await statusOf(sidecar, second.agent_id)).model_tier).toBe('opus');
  const used = await spawn(sidecar, using('fifth', 1, 0));
  expect(used).toMatchObject({ status: 409, body: { code: 'PROJECT_LIMIT_REACHED', retryable: false } });
  expect(await budget()).toMatchObject({ level: 'used_up', spawns: { used: 3, reserved: 0, max: null } });
  await expect.poll(warnings).toEqual([
    ['project_budget_low', '1250 of 1500 tokens of the day are used'],
    ['project_budget_used_up', '1650 of 1500 tokens of the day are used'],
  ]);
  await sidecar.restart();
  expect((await budget()).tokens).toEqual({ used: 1650, reserved: 0, max: 1500 });
  expect((await spawn(sidecar, using('sixth', 1, 0))).status).toBe(409);
  // An agent that is not admitted brings no warning.
  expect(await warnings()).toHaveLength(2);
});

test('a warning comes once more with the first agent after a restart', async () => {
  await start({ maxProjectTokens: 1250 });
  const { body: first } = await spawn(sidecar, using('first', 1000, 0));
  await until(sidecar, first.agent_id, 'exited');
  const low = ['project_budget_low', '1000 of 1250 tokens of the day are used'];
  await expect.poll(warnings).toEqual([low]);
  await sidecar.restart();
  expect(await warnings()).toEqual([low]);
  await spawn(sidecar, using('second', 1, 0));
  await expect.poll(warnings).toEqual([low, low]);
});

test('what failed attempts used counts: for the agent, its issue and its project', async () => {
  await start({ maxProjectTokens: 10_000 });
  profileOverlay(profilesDir, 'rust-specialist', { limits: { tokens: 1000, cost_usd: null, max_retries: 1 } });
  await sidecar.restart();
  const mark = join(profilesDir, 'second');
  const launcher = using('retried', 300, 0.5, `[ -e '${mark}' ] && exit 0; touch '${mark}'; exit 75`);
  const { body } = await spawn(sidecar, launcher, { agent_type: 'rust-specialist' });
  const agent = await until(sidecar, body.agent_id, 'exited');
  expect(agent).toMatchObject({ attempt: 2, usage: { input_tokens: 600, output_tokens: 0, cost_usd: 1 } });
  expect((await budget()).tokens).toEqual({ used: 600, reserved: 0, max: 10_000 });
});

test('an agent starts on the smaller model when little is left of its issue’s own tokens', async () => {
  await start({});
  await waitingIssue({ max_spawns: 10, max_tokens: 1000 });
  const { body: first } = await spawn(sidecar, using('first', 900, 0), { issue_id: 'thrifty' });
  expect((await until(sidecar, first.agent_id, 'exited')).model_tier).toBe('opus');
  const used = async (): Promise<number> =>
    (await sidecar.call('GET', '/api/issues/thrifty')).body.progress.limits.tokens.used;
  await expect.poll(used, { timeout: 10_000 }).toBe(900);
  const { body: second } = await spawn(sidecar, using('second', 1, 0), { issue_id: 'thrifty' });
  expect((await until(sidecar, second.agent_id, 'exited')).model_tier).toBe('haiku');
});

test('regression: agents that wait for a slot count against the limits of their issue', async () => {
  await start({ maxAgents: 1 });
  await waitingIssue({ max_spawns: 3, max_tokens: 2500 });
  const issue = { issue_id: 'thrifty' };
  const { body: runs } = await spawn(sidecar, using('runs', 1, 0, 'exec sleep 60'), issue);
  const { body: waits } = await spawn(sidecar, using('waits', 1, 0), issue);
  expect([runs.state, waits.state]).toEqual(['running', 'queued']);
  expect((await spawn(sidecar, using('last', 1, 0), issue)).status).toBe(201);
  // Each reserves 1,000 tokens, those that wait as well.
  expect(await spawn(sidecar, using('refused', 1, 0), issue)).toMatchObject({
    status: 409,
    body: { code: 'ISSUE_LIMIT_REACHED', detail: 'thrifty: the limit of 3 agents is reached.' },
  });
  const { body } = await sidecar.call('POST', '/api/issues/thrifty/cancel', { body: { reason: 'enough' } });
  expect(body.status).toBe('cancelled');
  for (const { agent_id: agentId } of [runs, waits]) await until(sidecar, agentId, 'stopped');
});

test('what an agent of an issue may use is reserved, whoever starts it', async () => {
  await start({});
  await waitingIssue({ max_spawns: 10, max_cost_usd: 3 });
  const issue = { issue_id: 'thrifty' };
  for (const name of ['one', 'two']) {
    expect((await spawn(sidecar, using(name, 1, 0, 'exec sleep 60'), issue)).status).toBe(201);
  }
  expect(await spawn(sidecar, using('three', 1, 0), issue)).toMatchObject({
    status: 429,
    body: {
      code: 'AGENT_LIMIT_REACHED',
      detail: 'thrifty: the rest of the issue’s US dollars is reserved by agents that run.',
    },
  });
});

test('a number of agents of the day', async () => {
  await start({ maxProjectSpawns: 2 });
  for (const name of ['one', 'two']) expect((await spawn(sidecar, using(name, 1, 0))).status).toBe(201);
  expect(await spawn(sidecar, using('three', 1, 0))).toMatchObject({
    status: 409,
    body: { code: 'PROJECT_LIMIT_REACHED' },
  });
  await expect.poll(warnings).toEqual([['project_budget_used_up', '2 of 2 agents of the day are used']]);
});

test('an agent that costs more than its profile allows is ended', async () => {
  await start({});
  const { body } = await spawn(sidecar, using('dear', 10, 2.5, 'exec sleep 60'));
  const agent = await until(sidecar, body.agent_id, 'failed');
  expect(agent.failures).toMatchObject([{ reason: 'budget_limit', detail: 'the agent used 2.5 US dollars of 2' }]);
  expect(processesOf(body.agent_id)).toEqual([]);
});

test('agents of a project that is far past its budget are ended', async () => {
  await start({ maxProjectCostUsd: 3 });
  const { body: quiet } = await spawn(sidecar, using('quiet', 1, 1.9, 'exec sleep 60'));
  await expect.poll(async () => (await budget()).cost_usd.used, { timeout: 10_000 }).toBe(1.9);
  const { body: dear } = await spawn(sidecar, using('dear', 1, 1.9, 'exec sleep 60'));
  for (const { agent_id: agentId } of [quiet, dear]) {
    const { failures } = await until(sidecar, agentId, 'failed');
    expect(failures).toMatchObject([{ reason: 'budget_limit', detail: 'the budget of the project is used up' }]);
    expect(await eventTypesOf(sidecar, agentId)).toContain('agent_escalated');
  }
});
