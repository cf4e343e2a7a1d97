import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bashAgent, eventTypesOf, patientAgent, spawn, statusOf, until } from '../support/agents-under-test.ts';
import { processesOf } from '../support/process-list.ts';
import { startServer, type ServerUnderTest } from '../support/server-process.ts';

let server: ServerUnderTest;
beforeEach(async () => {
  server = await startServer();
  await server.call('POST', '/api/issues', { body: { issue_id: 'issue-1', title: 'Work' } });
});
afterEach(async () => {
  await server.call('POST', '/api/agents/stop', { body: {} });
  await server.stop();
});

test('a server that is killed finds its agents again: alive, ended meanwhile, and queued', async () => {
  await server.kill();
  await server.start({ SIDECAR_MAX_AGENTS: '3' });
  const living = patientAgent(server, 'living');
  const ending = patientAgent(server, 'ending');
  const script = bashAgent(server, 'failing', `while [ ! -e '${join(server.project, 'fail.go')}' ]; do sleep 0.05; done; exit 9`);
  const [a, b, c] = [await spawn(server, living.launcher), await spawn(server, ending.launcher), await spawn(server, script)];
  const queued = await spawn(server, bashAgent(server, 'quick', 'echo quick'));
  expect(queued.body.state).toBe('queued');
  await server.kill();
  ending.go();
  writeFileSync(join(server.project, 'fail.go'), '');
  await expect.poll(() => [...processesOf(b.body.agent_id), ...processesOf(c.body.agent_id)], { timeout: 10_000 }).toEqual([]);
  await server.start({ SIDECAR_MAX_AGENTS: '3' });

  expect(await statusOf(server, a.body.agent_id)).toMatchObject({ state: 'running', process_id: a.body.process_id });
  expect(await until(server, b.body.agent_id, 'exited')).toMatchObject({ exit: { code: 0 }, outcome: 'claimed' });
  await expect.poll(async () => (await statusOf(server, c.body.agent_id)).failures).toMatchObject([{ reason: 'exit_code', detail: 'the agent exited with 9' }]);
  await until(server, queued.body.agent_id, 'exited');
  expect(await eventTypesOf(server, a.body.agent_id)).toEqual(['agent_spawned']);
  expect(await eventTypesOf(server, b.body.agent_id)).toEqual(['agent_spawned', 'agent_completed']);
  expect(await eventTypesOf(server, queued.body.agent_id)).toEqual(['agent_queued', 'agent_spawned', 'agent_completed']);
  living.go();
  await until(server, a.body.agent_id, 'exited');
});

test('a spawn that the kill cut in half is undone and begun again, never doubled', async () => {
  const runs = join(server.project, 'runs.txt');
  const launcher = bashAgent(server, 'counted', `echo run >>'${runs}'; exec sleep 300`);
  const asked = Array.from({ length: 4 }, (_, index) =>
    spawn(server, launcher, { idempotency_key: `half-${index}` }).catch(() => undefined),
  );
  // Killed as soon as one of them runs: the others are somewhere in between.
  await expect.poll(() => existsSync(runs), { timeout: 15_000, interval: 5 }).toBe(true);
  await server.kill();
  await Promise.all(asked);
  await server.start();
  const again = await Promise.all(
    Array.from({ length: 4 }, (_, index) => spawn(server, launcher, { idempotency_key: `half-${index}` })),
  );
  const ids = again.map(({ body }) => body.agent_id);
  expect(new Set(ids).size).toBe(4);
  for (const id of ids) {
    await until(server, id, 'running');
    // The shim, the shell it starts and the program that shell became.
    const { process_id } = await statusOf(server, id);
    const others = processesOf(id).filter((pid) => pid !== process_id && readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('sleep'));
    expect(others).toEqual([]);
  }
  expect((await server.call('GET', '/api/agents')).body.agents).toHaveLength(4);
});

test('a process id that was given to somebody else is not our agent', async () => {
  const { body } = await spawn(server, bashAgent(server, 'ours', 'exec sleep 300'));
  const bystander = await spawn(server, bashAgent(server, 'bystander', 'exec sleep 300'));
  await server.kill();
  // As after a crash in which our agent died and its number was given away: same number, other start time.
  for (const pid of processesOf(body.agent_id)) process.kill(pid, 'SIGKILL');
  const database = new DatabaseSync(join(server.dataDir, 'sidecar.db'));
  const row = database.prepare('select body from agents where agent_id = ?').get(body.agent_id);
  const record = JSON.parse(String(row?.['body']));
  for (const who of ['program', 'leader']) record.process[who].pid = bystander.body.process_id;
  database.prepare('update agents set body = ? where agent_id = ?').run(JSON.stringify(record), body.agent_id);
  database.close();
  await server.start();
  await expect.poll(async () => (await statusOf(server, body.agent_id)).failures).toMatchObject([{ attempt: 1 }]);
  expect(await statusOf(server, bystander.body.agent_id)).toMatchObject({ state: 'running' });
  expect(processesOf(bystander.body.agent_id)).toContain(bystander.body.process_id);
});

test('a stop that the kill cut off is carried on', async () => {
  const { body } = await spawn(server, bashAgent(server, 'slow', "trap '' TERM; echo ready; while :; do sleep 0.2; done"));
  await expect.poll(async () => (await statusOf(server, body.agent_id)).log_tail, { timeout: 10_000 }).toContain('ready');
  const stopping = server.call('POST', `/api/agents/${body.agent_id}/stop`, { body: { reason: 'enough' } }).catch(() => undefined);
  await until(server, body.agent_id, 'stopping');
  await server.kill();
  await stopping;
  await server.start();
  await until(server, body.agent_id, 'stopped');
  const { body: log } = await server.call('GET', `/api/events?event_type=agent_stopped&filter=agent_id:${body.agent_id}`);
  expect(log.events).toMatchObject([{ data: { reason: 'enough' } }]);
  expect(processesOf(body.agent_id)).toEqual([]);
});
