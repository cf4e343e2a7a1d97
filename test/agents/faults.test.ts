import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  bashAgent,
  eventsOf,
  eventTypesOf,
  profileOverlay,
  spawn,
  statusOf,
  until,
} from '../support/agents-under-test.ts';
import { systemClock } from '../../packages/server/src/runtime/clock.ts';
import { openFilesOf, processesOf, zombiesOf } from '../support/process-list.ts';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

const fixtures = resolve(import.meta.dirname, '../fixtures/agents');
const profilesDir = mkdtempSync(join(tmpdir(), 'sidecar-profiles-'));
const once = { max_retries: 0 };
/** A gigabyte takes its time: `SIDECAR_FLOOD_MB=1024 npm test -- test/agents/faults`. */
const FLOOD_MB = Number(process.env['SIDECAR_FLOOD_MB'] ?? 1);
const PATIENCE_MS = 60_000 + FLOOD_MB * 200;
let offsetMs = 0;
let sidecar: SidecarUnderTest;
let openAtFirst: string[];

beforeAll(async () => {
  profileOverlay(profilesDir, 'python-specialist', { limits: once });
  profileOverlay(profilesDir, 'test-engineer', { limits: { ...once, wall_seconds: 1 } });
  profileOverlay(profilesDir, 'debugger', { limits: { ...once, memory_mb: 64 } });
  profileOverlay(profilesDir, 'security-auditor', { limits: { ...once, output_mb: FLOOD_MB } });
  profileOverlay(profilesDir, 'qa-engineer', { limits: { ...once, processes: 20 } });
  profileOverlay(profilesDir, 'code-reviewer', { limits: { ...once, tokens: 1000 } });
  // The machine’s clock may jump; timers go on as they were.
  const clock = { ...systemClock, nowMs: () => Date.now() + offsetMs };
  sidecar = await startForTest({ profilesDir }, { clock });
  await sidecar.createIssue('issue-1');
  const { body } = await spawn(sidecar, bashAgent(sidecar, 'first', ':'));
  await until(sidecar, body.agent_id, 'exited');
  openAtFirst = openFilesOf(process.pid);
});
afterAll(async () => {
  await sidecar.call('POST', '/api/agents/stop', { body: {} });
  await sidecar[Symbol.asyncDispose]();
  rmSync(profilesDir, { recursive: true, force: true });
});

/** An agent that goes wrong in the way its arguments name. */
const misbehaving = (...args: string[]): object => ({
  kind: 'command',
  program: join(fixtures, 'misbehave.sh'),
  args,
});

test.each([
  ['exits at once with an error', 'python-specialist', misbehaving('exit', '3'), 'exit_code', { code: 3 }],
  ['hangs', 'test-engineer', misbehaving('hang'), 'wall_time', { reason: 'wall' }],
  ['hangs and leaves a session of its own', 'test-engineer', misbehaving('setsid'), 'wall_time', { reason: 'wall' }],
  [`floods its output (${FLOOD_MB} MB)`, 'security-auditor', misbehaving('flood'), 'output', { reason: 'output' }],
  [
    'eats memory',
    'debugger',
    { kind: 'command', program: 'node', args: [join(fixtures, 'eat-memory.mjs')] },
    'memory',
    { reason: 'memory' },
  ],
  ['starts more and more processes', 'qa-engineer', misbehaving('breed', '40'), 'processes', { reason: 'processes' }],
  ['closes its output', 'python-specialist', misbehaving('close-stdout'), 'exit_code', { code: 5 }],
  ['dies by a signal', 'python-specialist', misbehaving('die', 'KILL'), 'signal', { signal: 'SIGKILL' }],
  ['cannot write because the disk is full', 'python-specialist', misbehaving('disk-full'), 'exit_code', { code: 1 }],
  ['uses more tokens than it may', 'code-reviewer', misbehaving('tokens'), 'token_limit', { reason: 'stopped' }],
])(
  'an agent that %s has failed, is escalated, and nothing of it is left',
  { timeout: PATIENCE_MS },
  async (_what, agent_type, launcher, reason, exit) => {
    const { body } = await spawn(sidecar, launcher, { agent_type });
    const agent = await until(sidecar, body.agent_id, 'failed', PATIENCE_MS);
    expect(agent).toMatchObject({ outcome: 'failed', exit, failures: [{ attempt: 1, reason }], resources: null });
    expect(await eventTypesOf(sidecar, body.agent_id)).toEqual(['agent_spawned', 'agent_failed', 'agent_escalated']);
    const [, failed, escalated] = await eventsOf(sidecar, body.agent_id);
    expect(failed?.data).toMatchObject({ reason, will_retry: false, attempt: 1 });
    expect(escalated?.data).toMatchObject({ reason, failures: [{ attempt: 1, reason }], task: 'Do it' });
    expect(processesOf(body.agent_id)).toEqual([]);
  },
);

test('an agent that exits well and leaves children behind is done, and they are gone', async () => {
  for (const how of ['fork', 'setsid-leave']) {
    const { body } = await spawn(sidecar, misbehaving(how));
    await until(sidecar, body.agent_id, 'exited');
    expect(processesOf(body.agent_id)).toEqual([]);
  }
});

test('an agent that ignores SIGTERM is stopped all the same', async () => {
  const { body } = await spawn(sidecar, misbehaving('ignore-term'));
  await expect.poll(async () => (await statusOf(sidecar, body.agent_id)).log_tail).toContain('ready');
  await sidecar.call('POST', `/api/agents/${body.agent_id}/stop`, { body: { reason: 'enough' } });
  expect(await statusOf(sidecar, body.agent_id)).toMatchObject({ state: 'stopped', exit: { reason: 'stopped' } });
  expect(await eventTypesOf(sidecar, body.agent_id)).toEqual(['agent_spawned', 'agent_stopped']);
  expect(processesOf(body.agent_id)).toEqual([]);
});

test.each([
  ['is missing', 'no-such-program', 'was not found in the PATH of the sidecar'],
  ['may not be executed', './plain.txt', 'may not be executed'],
])('a program that %s is named, with the way to choose another', async (_what, program, why) => {
  writeFileSync(join(sidecar.project, 'plain.txt'), 'text');
  const { status, body } = await spawn(sidecar, { kind: 'command', program });
  expect(status).toBe(422);
  expect(body).toMatchObject({ code: 'LAUNCHER_UNAVAILABLE', programs: [program] });
  expect(body.detail).toContain(why);
  expect(body.detail).toContain('"launcher"');
  // Where the sidecar looks, and where it keeps things, is nobody’s business.
  expect(JSON.stringify(body)).not.toMatch(/\/(?:usr|bin|tmp|home|root)\b/);
});

test('a program that cannot be started again and again is left alone for a while', async () => {
  const program = join(sidecar.project, 'bad-interpreter');
  writeFileSync(program, '#!/no/such/interpreter\n', { mode: 0o755 });
  const launcher = { kind: 'command', program };
  const { body } = await spawn(sidecar, launcher);
  expect(body).toMatchObject({ code: 'LAUNCHER_UNAVAILABLE', programs: ['bad-interpreter'] });
  expect(body.detail).toContain('wants to be run by a program that is not there');
  for (let further = 0; further < 4; further += 1) expect((await spawn(sidecar, launcher)).status).toBe(422);
  const refused = await spawn(sidecar, launcher);
  expect(refused).toMatchObject({ status: 503, body: { code: 'CIRCUIT_OPEN', breaker: 'launcher bad-interpreter' } });
  const { body: status } = await sidecar.call('GET', '/status');
  expect(status.breakers).toContainEqual(expect.objectContaining({ name: 'launcher', state: 'open' }));
  // Other programs start as before.
  expect((await spawn(sidecar, misbehaving('exit', '0'))).status).toBe(201);
});

test('a clock that jumps neither ends an agent nor keeps it alive', async () => {
  const go = join(sidecar.project, 'jump.go');
  const script = bashAgent(sidecar, 'jumper', `while [ ! -e '${go}' ]; do sleep 0.05; done`);
  const { body } = await spawn(sidecar, script);
  offsetMs = 86_400_000;
  expect(await statusOf(sidecar, body.agent_id)).toMatchObject({ state: 'running', activity: { kind: 'working' } });
  offsetMs = -86_400_000;
  expect(await statusOf(sidecar, body.agent_id)).toMatchObject({ state: 'running', activity: { kind: 'working' } });
  // A negative time that it has been up for would fail the check of the answer.
  expect(await sidecar.call('GET', '/health')).toMatchObject({ status: 200, body: { status: 'healthy' } });
  offsetMs = 0;
  writeFileSync(go, '');
  await until(sidecar, body.agent_id, 'exited');
});

test('a task that looks like a command is just text', async () => {
  const task = '"; touch hacked #$(touch hacked)`touch hacked`';
  const script = bashAgent(sidecar, 'reader', 'cat "$TASK_FILE"');
  const { body } = await spawn(sidecar, script, { task });
  expect((await until(sidecar, body.agent_id, 'exited')).log_tail).toEqual([task]);
});

test('after all of it there is no zombie and nothing more is open than before', async () => {
  // One that has ended this moment, here or in what ran before, is taken note of in a turn of the loop.
  await expect.poll(() => zombiesOf(process.pid)).toEqual([]);
  const own = (): string[] => openFilesOf(process.pid).filter((path) => path.startsWith(sidecar.dataDir));
  const before = openAtFirst.filter((path) => path.startsWith(sidecar.dataDir));
  // The thread that checkpoints opens the store for itself, when there is first something to copy.
  const isStore = (path: string): boolean => path.includes('/sidecar.db');
  await expect.poll(() => own().filter((path) => !isStore(path))).toEqual(before.filter((path) => !isStore(path)));
});
