import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  bashAgent,
  eventsOf,
  eventTypesOf,
  patientAgent,
  profileOverlay,
  spawn,
  statusOf,
  until,
} from '../support/agents-under-test.ts';
import { startForTest, type Answer, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

let sidecar: SidecarUnderTest;
const start = async (flags: Parameters<typeof startForTest>[0]): Promise<void> => {
  sidecar = await startForTest(flags);
  await sidecar.createIssue('issue-1');
  await sidecar.createIssue('issue-2');
};
afterEach(async () => {
  await sidecar.call('POST', '/api/agents/stop', { body: {} });
  await sidecar[Symbol.asyncDispose]();
});
/** Writes what is stored of an agent anew; answers what it was. Another process: SQLite’s locks do not hold within one. */
function exchangeBody(agentId: string, body: string): string {
  const program = `
    const [file, agentId, body] = process.argv.slice(1);
    const database = new (require('node:sqlite').DatabaseSync)(file);
    process.stdout.write(database.prepare('select body from agents where agent_id = ?').get(agentId).body);
    database.prepare('update agents set body = ? where agent_id = ?').run(body, agentId);`;
  const file = join(sidecar.dataDir, 'sidecar.db');
  return execFileSync(process.execPath, ['-e', program, file, agentId, body], { encoding: 'utf8' });
}
const preflight = async (over: object = {}) =>
  (
    await sidecar.call('POST', '/api/agents/preflight', {
      body: { agent_type: 'python-specialist', issue_id: 'issue-1', launcher: bashAgent(sidecar, 'any', ':'), ...over },
    })
  ).body;

describe('with one slot', () => {
  beforeEach(() => start({ maxAgents: 1, maxQueuedAgents: 3 }));

  test('who finds no slot is queued, keeps its place over a restart, and starts when one is free', async () => {
    const first = patientAgent(sidecar);
    const { body: running } = await spawn(sidecar, first.launcher);
    expect(running).toMatchObject({ spawned: true, state: 'running', queue: null });
    const quick = bashAgent(sidecar, 'quick', 'echo quick');
    const { status, body: second } = await spawn(sidecar, quick);
    expect(status).toBe(201);
    expect(second).toMatchObject({
      spawned: false,
      process_id: null,
      context_injected: false,
      webhook_url: `/api/agents/${second.agent_id}/status`,
      state: 'queued',
      queue: { position: 1, length: 1, waits_for: 'slot' },
    });
    const { body: third } = await spawn(sidecar, quick);
    expect(third.queue).toEqual({ position: 2, length: 2, waits_for: 'slot' });
    expect(await eventsOf(sidecar, third.agent_id)).toMatchObject([
      { event_type: 'agent_queued', data: { position: 2, queue_length: 2, waits_for: 'slot' } },
    ]);

    await sidecar.restart();
    expect(await statusOf(sidecar, second.agent_id)).toMatchObject({
      state: 'queued',
      queue: { position: 1, length: 2, waits_for: 'slot' },
      activity: { kind: 'none', cause: 'waits for a slot, 1 of 2 in the queue' },
    });
    first.go();
    await until(sidecar, third.agent_id, 'exited');
    expect(await statusOf(sidecar, second.agent_id)).toMatchObject({ state: 'exited', queue: null });
    for (const { agent_id } of [second, third]) {
      expect(await eventTypesOf(sidecar, agent_id)).toEqual(['agent_queued', 'agent_spawned', 'agent_completed']);
    }
  });

  test('who is queued can be stopped, and a full queue refuses', async () => {
    const { launcher } = patientAgent(sidecar);
    await spawn(sidecar, launcher);
    const queued = [await spawn(sidecar, launcher), await spawn(sidecar, launcher), await spawn(sidecar, launcher)];
    expect(await spawn(sidecar, launcher)).toMatchObject({
      status: 429,
      body: { code: 'AGENT_LIMIT_REACHED', retryable: true },
    });
    const agentId = queued[1]?.body.agent_id;
    const stops = await Promise.all(
      [1, 2].map(() => sidecar.call('POST', `/api/agents/${agentId}/stop`, { body: { reason: 'not needed' } })),
    );
    expect(stops.map(({ body }) => body.state)).toEqual(['stopped', 'stopped']);
    expect(await eventTypesOf(sidecar, agentId)).toEqual(['agent_queued', 'agent_stopped']);
    expect(await statusOf(sidecar, queued[2]?.body.agent_id)).toMatchObject({ queue: { position: 2 } });
  });

  test('a preflight says what would happen, and what would free a slot', async () => {
    expect(await preflight()).toMatchObject({ would: 'start', queue: null, problems: [], freed_by: [] });
    const { body: holder } = await spawn(sidecar, patientAgent(sidecar).launcher);
    const forecast = await preflight();
    expect(forecast).toMatchObject({
      would: 'queue',
      queue: { position: 1, length: 1, waits_for: 'slot' },
      freed_by: [{ agent_id: holder.agent_id, agent_type: 'python-specialist', state: 'running' }],
    });
    expect(forecast.limits).toContainEqual({ name: 'agents', used: 1, limit: 1 });
    expect(
      await preflight({ environment: { LD_PRELOAD: 'x' }, launcher: { kind: 'command', program: 'no-such-program' } }),
    ).toMatchObject({
      would: 'refuse',
      problems: [{ code: 'ENVIRONMENT_FORBIDDEN' }, { code: 'LAUNCHER_UNAVAILABLE' }],
    });
    expect((await sidecar.call('GET', '/api/agents')).body.agents).toHaveLength(1);
  });

  test('regression: an agent that cannot be read when its turn comes is tried again when it can be', async () => {
    const first = patientAgent(sidecar);
    await spawn(sidecar, first.launcher);
    const { body: second } = await spawn(sidecar, bashAgent(sidecar, 'quick', 'echo quick'));
    const body = exchangeBody(second.agent_id, 'damaged');
    first.go();
    await expect.poll(async () => (await preflight()).limits).toContainEqual({ name: 'queued', used: 0, limit: 3 });
    exchangeBody(second.agent_id, body);
    // Its start did not begin, so no attempt is spent.
    expect(await until(sidecar, second.agent_id, 'exited')).toMatchObject({ attempt: 1, failures: [] });
  });

  test('an agent that waits for its next attempt holds no slot', async () => {
    const { body: failing } = await spawn(sidecar, bashAgent(sidecar, 'failing', 'exit 3'));
    await expect.poll(() => eventTypesOf(sidecar, failing.agent_id)).toContain('agent_failed');
    const waiting = await statusOf(sidecar, failing.agent_id);
    expect(waiting).toMatchObject({ state: 'queued', attempt: 2, failures: [{ attempt: 1, reason: 'exit_code' }] });
    const { body: other } = await spawn(sidecar, patientAgent(sidecar).launcher);
    expect(other.spawned).toBe(true);
  });
});

test('a limit of one project or type keeps only its own back', async () => {
  await start({ maxAgents: 10, maxAgentsPerType: 1 });
  const { launcher } = patientAgent(sidecar);
  await spawn(sidecar, launcher);
  expect((await spawn(sidecar, launcher)).body.queue).toEqual({ position: 1, length: 1, waits_for: 'type' });
  expect((await spawn(sidecar, launcher, { agent_type: 'test-engineer' })).body.spawned).toBe(true);
  expect((await preflight()).freed_by).toHaveLength(1);
});

test('stopping all agents of an issue leaves those of others alone', async () => {
  await start({ maxAgents: 3 });
  const { launcher } = patientAgent(sidecar);
  const mine = [await spawn(sidecar, launcher), await spawn(sidecar, launcher)];
  const other = await spawn(sidecar, launcher, { issue_id: 'issue-2' });
  mine.push(await spawn(sidecar, launcher));
  const { body } = await sidecar.call('POST', '/api/agents/stop', { body: { issue_id: 'issue-1', reason: 'done' } });
  const stopped: { agent_id: string; state: string }[] = body.agents;
  expect(stopped.map(({ state }) => state)).toEqual(['stopped', 'stopped', 'stopped']);
  expect(new Set(stopped.map(({ agent_id }) => agent_id))).toEqual(new Set(mine.map((each) => each.body.agent_id)));
  expect(await statusOf(sidecar, other.body.agent_id)).toMatchObject({ state: 'running' });
});

test('agents that start agents are bounded in depth and in number', async () => {
  const place = mkdtempSync(join(tmpdir(), 'sidecar-profiles-'));
  // Leaves its token behind, as no real agent would, so that the test can act as it.
  const program = join(place, 'architect.sh');
  const script = `f='${place}'/"$AGENT_ID"; printf %s "$JWT_TOKEN" >"$f.part"; mv "$f.part" "$f"; exec sleep 60`;
  writeFileSync(program, `#!/bin/bash\n${script}\n`, { mode: 0o755 });
  const profilesDir = profileOverlay(place, 'chief-architect', { launcher: { kind: 'command', program } });
  await start({ profilesDir, maxAgentDepth: 2, maxAgentChildren: 1 });
  const body = { agent_type: 'chief-architect', issue_id: 'issue-1', task: 'Do it' };
  const spawnAs = (token?: string): Promise<Answer> =>
    sidecar.call('POST', '/api/agents/spawn', { body, ...(token === undefined ? {} : { token }) });
  const tokenOf = (agentId: string): Promise<string> =>
    vi.waitFor(() => readFileSync(join(place, agentId), 'utf8'), { timeout: 10_000 });

  const { body: parent } = await spawnAs();
  const { body: child } = await spawnAs(await tokenOf(parent.agent_id));
  expect(child.spawned).toBe(true);
  expect(await spawnAs(await tokenOf(parent.agent_id))).toMatchObject({
    status: 429,
    body: { code: 'FAN_OUT_EXCEEDED', retryable: true },
  });
  expect(await spawnAs(await tokenOf(child.agent_id))).toMatchObject({
    status: 409,
    body: { code: 'SPAWN_DEPTH_EXCEEDED', retryable: false },
  });
  const asked = await sidecar.call('POST', '/api/agents/preflight', { body, token: await tokenOf(child.agent_id) });
  expect(asked.body).toMatchObject({ would: 'refuse', problems: [{ code: 'SPAWN_DEPTH_EXCEEDED' }] });
  expect(asked.body.limits).toContainEqual({ name: 'depth', used: 2, limit: 2 });
  const { body: children } = await sidecar.call('GET', `/api/agents?parent_id=${parent.agent_id}`);
  expect(children.agents).toMatchObject([{ agent_id: child.agent_id, parent_id: parent.agent_id }]);
  expect((await sidecar.call('GET', '/api/agents?live=true')).body.agents).toHaveLength(2);
  expect((await sidecar.call('GET', '/api/agents?live=false')).body.agents).toEqual([]);
  rmSync(place, { recursive: true, force: true });
});
