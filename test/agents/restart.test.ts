import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AgentRecord } from '../../packages/server/src/agents/agent-record.ts';
import { readStored } from '../../packages/server/src/storage/stored-json.ts';
import {
  bashAgent,
  eventsOf,
  eventTypesOf,
  patientAgent,
  spawn,
  statusOf,
  until,
} from '../support/agents-under-test.ts';
import { processesOf } from '../support/process-list.ts';
import { startServer, type ServerUnderTest } from '../support/server-process.ts';

const SLOTS = 6;
/** A real server starts from source here, three times. */
const PATIENCE = { timeout: 30_000 };
let server: ServerUnderTest;
beforeAll(async () => {
  server = await startServer({ SIDECAR_MAX_AGENTS: String(SLOTS) });
  await server.call('POST', '/api/issues', { body: { issue_id: 'issue-1', title: 'Work' } });
}, 120_000);
afterAll(async () => {
  await server.call('POST', '/api/agents/stop', { body: {} });
  await server.stop();
}, 60_000);

test('a killed server finds its agents again, whatever became of them', { timeout: 180_000 }, async () => {
  const go = join(server.project, 'fail.go');
  const living = patientAgent(server, 'living');
  const ending = patientAgent(server, 'ending');
  const stubborn = "trap '' TERM; echo ready; while :; do sleep 0.2; done";
  const [alive, done, failing, lost, bystander, stopping] = await Promise.all(
    [
      living.launcher,
      ending.launcher,
      bashAgent(server, 'failing', `while [ ! -e '${go}' ]; do sleep 0.05; done; exit 9`),
      bashAgent(server, 'lost', 'exec sleep 300'),
      bashAgent(server, 'bystander', 'exec sleep 300'),
      bashAgent(server, 'stubborn', stubborn),
    ].map(async (launcher) => (await spawn(server, launcher)).body),
  );
  const { body: queued } = await spawn(server, bashAgent(server, 'quick', 'echo quick'));
  expect(queued.state).toBe('queued');
  await expect.poll(async () => (await statusOf(server, stopping.agent_id)).log_tail, PATIENCE).toContain('ready');
  const stop = `/api/agents/${stopping.agent_id}/stop`;
  const asked = server.call('POST', stop, { body: { reason: 'enough' } }).catch(() => undefined);
  await until(server, stopping.agent_id, 'stopping');

  await server.kill();
  await asked;
  ending.go();
  writeFileSync(go, '');
  await expect.poll(() => [done, failing].flatMap((agent) => processesOf(agent.agent_id)), PATIENCE).toEqual([]);
  giveItsNumberAway(lost.agent_id, bystander.process_id);
  await server.start();

  expect(await statusOf(server, alive.agent_id)).toMatchObject({ state: 'running', process_id: alive.process_id });
  expect(await until(server, done.agent_id, 'exited')).toMatchObject({ exit: { code: 0 }, outcome: 'claimed' });
  const failures = async (agentId: string) => (await statusOf(server, agentId)).failures;
  await expect.poll(() => failures(failing.agent_id), PATIENCE).toMatchObject([{ detail: 'the agent exited with 9' }]);
  // A number that was given to somebody else is not our agent, and the one who has it now is left alone.
  await expect.poll(() => failures(lost.agent_id), PATIENCE).toMatchObject([{ reason: 'lost' }]);
  expect(await statusOf(server, bystander.agent_id)).toMatchObject({ state: 'running' });
  expect(processesOf(bystander.agent_id)).toContain(bystander.process_id);
  // A stop that the kill cut off is carried on.
  await until(server, stopping.agent_id, 'stopped');
  expect((await eventsOf(server, stopping.agent_id)).at(-1)).toMatchObject({ data: { reason: 'enough' } });
  expect(processesOf(stopping.agent_id)).toEqual([]);
  await until(server, queued.agent_id, 'exited');

  living.go();
  await until(server, alive.agent_id, 'exited');
  for (const agent of [alive, done]) {
    expect(await eventTypesOf(server, agent.agent_id)).toEqual(['agent_spawned', 'agent_completed']);
  }
  expect(await eventTypesOf(server, queued.agent_id)).toEqual(['agent_queued', 'agent_spawned', 'agent_completed']);
});

test('spawns that the kill cut in half are undone and begun again, never doubled', { timeout: 180_000 }, async () => {
  await server.call('POST', '/api/agents/stop', { body: {} });
  const runs = join(server.project, 'runs.txt');
  const launcher = bashAgent(server, 'counted', `echo "$AGENT_ID" >>'${runs}'; exec sleep 300`);
  const keys = Array.from({ length: SLOTS }, (_, index) => `half-${index}`);
  const ask = (idempotency_key: string) => spawn(server, launcher, { idempotency_key });
  const asked = keys.map((key) => ask(key).catch(() => undefined));
  // Killed as soon as one of them runs: the others are somewhere in between.
  await expect.poll(() => existsSync(runs), { ...PATIENCE, interval: 2 }).toBe(true);
  await server.kill();
  await Promise.all(asked);
  await server.start();

  const ids = (await Promise.all(keys.map(ask))).map(({ body }) => body.agent_id);
  expect(new Set(ids).size).toBe(SLOTS);
  for (const id of ids) {
    const { process_id } = await until(server, id, 'running');
    const sleeping = () => processesOf(id).filter((pid) => programOf(pid) === 'sleep');
    await expect.poll(sleeping, PATIENCE).toEqual([process_id]);
  }
  // Nobody’s program has begun twice, whatever it had done before the kill.
  expect(readFileSync(runs, 'utf8').trim().split('\n')).toHaveLength(SLOTS);
  expect((await server.call('GET', '/api/agents?live=true')).body.agents).toHaveLength(SLOTS);
});

test(
  'a start that ended with the sidecar ten times in a row costs an attempt, and none before',
  { timeout: 180_000 },
  async () => {
    await server.call('POST', '/api/agents/stop', { body: {} });
    const launcher = bashAgent(server, 'cut-off', 'exec sleep 300');
    const [few, many, held, stopping] = await Promise.all(
      [1, 2, 3, 4].map(async () => (await spawn(server, launcher)).body),
    );
    await server.kill();
    // This one is the ninth that ended with the sidecar, and the tenth.
    cutOff(few.agent_id, 8);
    cutOff(many.agent_id, 9);
    neverBegan(held.agent_id);
    // Asked to stop just before.
    neverBegan(stopping.agent_id);
    const record = recordOf(stopping.agent_id);
    keep(stopping.agent_id, { ...record, stopReason: 'enough', agent: { ...record.agent, state: 'stopping' } });
    await server.start();

    await until(server, few.agent_id, 'running');
    expect(await statusOf(server, few.agent_id)).toMatchObject({ attempt: 1, failures: [] });
    await expect.poll(() => processesOf(held.agent_id).map(programOf), PATIENCE).toContain('sleep');
    expect(await until(server, held.agent_id, 'running')).toMatchObject({ attempt: 1, failures: [] });
    // One that nobody wants any more is not begun anew.
    expect(await until(server, stopping.agent_id, 'stopped')).toMatchObject({ attempt: 1, failures: [] });
    expect(processesOf(stopping.agent_id)).toEqual([]);
    expect(await statusOf(server, many.agent_id)).toMatchObject({
      attempt: 2,
      failures: [{ reason: 'lost', detail: expect.stringContaining('10 times') }],
    });
    // The next attempt’s starts are counted anew.
    expect(recordOf(many.agent_id).undoneStarts).toBeUndefined();
    const [begun, pids] = [recordOf(few.agent_id), processesOf(few.agent_id)];
    expect(pids).toContain(begun.process?.program.pid);
    expect(begun.undoneStarts).toBeUndefined();
  },
);

/** As after a crash in the middle of a start, which was not the first. */
function cutOff(agentId: string, undoneStarts: number): void {
  for (const pid of processesOf(agentId)) process.kill(pid, 'SIGKILL');
  const record = recordOf(agentId);
  keep(agentId, { ...record, undoneStarts, process: null, agent: { ...record.agent, state: 'starting' } });
}

/** As after a crash between the record of a process and the word that it may begin. */
function neverBegan(agentId: string): void {
  for (const pid of processesOf(agentId)) process.kill(pid, 'SIGKILL');
  writeFileSync(recordOf(agentId).process?.exitFile ?? '', 'unbegun\n');
}

/**
 * As after a crash in which an agent died and its process id was given to somebody else: same number, other time. The
 * time is one that no process of this test has; two that are begun together can share theirs, which counts in 10 ms.
 */
function giveItsNumberAway(agentId: string, processId: number): void {
  for (const pid of processesOf(agentId)) process.kill(pid, 'SIGKILL');
  const record = recordOf(agentId);
  if (record.process === null) throw new Error(`${agentId} has no process`);
  const { program, leader } = record.process;
  const its = { pid: processId, startTime: '1' };
  const given = { program: { ...program, ...its }, leader: { ...leader, ...its } };
  keep(agentId, { ...record, process: { ...record.process, ...given } });
}

const openStore = (): DatabaseSync => new DatabaseSync(join(server.dataDir, 'sidecar.db'));

function recordOf(agentId: string): AgentRecord {
  const database = openStore();
  const row = database.prepare('select body from agents where agent_id = ?').get(agentId);
  database.close();
  return readStored<AgentRecord>(String(row?.['body']));
}

function keep(agentId: string, record: AgentRecord): void {
  const database = openStore();
  const update = 'update agents set body = ?, state = ? where agent_id = ?';
  database.prepare(update).run(JSON.stringify(record), record.agent.state, agentId);
  database.close();
}

function programOf(pid: number): string {
  return existsSync(`/proc/${pid}/comm`) ? readFileSync(`/proc/${pid}/comm`, 'utf8').trim() : '';
}
