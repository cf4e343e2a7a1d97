import { afterAll, beforeAll, expect, test } from 'vitest';
import { bashAgent, eventTypesOf, spawn, statusOf, until } from '../support/agents-under-test.ts';
import { processesOf } from '../support/process-list.ts';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

let sidecar: SidecarUnderTest;
beforeAll(async () => {
  sidecar = await startForTest();
  await sidecar.createIssue('issue-1');
});
afterAll(async () => {
  await sidecar.call('POST', '/api/agents/stop', { body: {} });
  await sidecar[Symbol.asyncDispose]();
});
const idsIn = async (query: string): Promise<string[]> =>
  (await sidecar.call('GET', `/api/agents?${query}`)).body.agents.map((agent: { agent_id: string }) => agent.agent_id);

test('who is stopped while it is started is stopped, once, and leaves nothing behind', async () => {
  const launcher = bashAgent(sidecar, 'sleeper', 'exec sleep 300');
  const asked = Array.from({ length: 4 }, () => spawn(sidecar, launcher));
  await expect.poll(() => idsIn('live=true'), { interval: 5, timeout: 10_000 }).toHaveLength(4);
  const ids = await idsIn('live=true');
  await sidecar.call('POST', '/api/agents/stop', { body: { reason: 'changed my mind' } });
  for (const { status, body } of await Promise.all(asked)) {
    expect(status === 201 || body.code === 'AGENT_ENDED').toBe(true);
  }
  for (const id of ids) {
    expect(await statusOf(sidecar, id)).toMatchObject({ state: 'stopped', failures: [] });
    const ends = (await eventTypesOf(sidecar, id)).filter((type) => type !== 'agent_spawned');
    expect(ends).toEqual(['agent_stopped']);
    expect(processesOf(id)).toEqual([]);
  }
});

test('who is stopped in the pause before its next attempt gets none', async () => {
  const { body } = await spawn(sidecar, bashAgent(sidecar, 'failing', 'exit 3'));
  await expect.poll(() => eventTypesOf(sidecar, body.agent_id)).toContain('agent_failed');
  await sidecar.call('POST', `/api/agents/${body.agent_id}/stop`, { body: {} });
  expect(await statusOf(sidecar, body.agent_id)).toMatchObject({ state: 'stopped', queue: null });
  expect(await eventTypesOf(sidecar, body.agent_id)).toEqual(['agent_spawned', 'agent_failed', 'agent_stopped']);
});

test('who is being started when the sidecar stops is started by the next, without an attempt spent', async () => {
  const launcher = bashAgent(sidecar, 'sleeper', 'exec sleep 300');
  const asked = Array.from({ length: 4 }, () => spawn(sidecar, launcher).catch(() => undefined));
  await expect.poll(() => idsIn('live=true'), { interval: 5, timeout: 10_000 }).toHaveLength(4);
  const ids = await idsIn('live=true');
  await sidecar.restart();
  await Promise.all(asked);
  for (const id of ids) {
    const { process_id, failures, attempt } = await until(sidecar, id, 'running');
    expect({ failures, attempt }).toEqual({ failures: [], attempt: 1 });
    expect(processesOf(id)).toContain(process_id);
  }
});
