import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bashAgent, patientAgent, spawn, statusOf, until } from '../support/agents-under-test.ts';
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
const ask = (path: string) =>
  `curl --silent --max-time 20 --config <(printf 'header = "authorization: Bearer %s"' "$JWT_TOKEN") "$SIDECAR_URL${path}"`;

test('an agent that long-polls waits for that event, and works again when it has come', async () => {
  const script = bashAgent(
    sidecar,
    'waiter',
    `${ask('/events/wait/design_complete?cursor=latest')} >/dev/null; sleep 30`,
  );
  const { body } = await spawn(sidecar, script);
  await expect
    .poll(async () => (await statusOf(sidecar, body.agent_id)).activity, { timeout: 10_000 })
    .toMatchObject({ kind: 'waiting', cause: 'waits for the event design_complete' });
  await sidecar.call('POST', '/api/events/design_complete', { body: { topic: 'design', data: {} } });
  await expect
    .poll(async () => (await statusOf(sidecar, body.agent_id)).activity, { timeout: 10_000 })
    .toMatchObject({ kind: 'working', cause: 'waited for the event design_complete' });
  const { body: listed } = await sidecar.call('GET', '/api/agents?state=running');
  expect(listed.agents).toMatchObject([{ agent_id: body.agent_id, activity: { kind: 'working' } }]);
});

test('the status tells usage, limits with what enforces them, and what the process tree uses', async () => {
  const { launcher, go } = patientAgent(sidecar, 'measured');
  const { body } = await spawn(sidecar, launcher);
  await expect
    .poll(async () => (await statusOf(sidecar, body.agent_id)).resources?.processes, { timeout: 10_000 })
    .toBeGreaterThan(0);
  const { limits, model_tier, failures } = await statusOf(sidecar, body.agent_id);
  expect(limits).toContainEqual({ name: 'wall_seconds', limit: 3600, enforced_by: ['watch'] });
  expect(limits).toContainEqual({ name: 'open_files', limit: 4096, enforced_by: ['rlimit'] });
  expect({ model_tier, failures }).toEqual({ model_tier: 'haiku', failures: [] });
  go();
  await until(sidecar, body.agent_id, 'exited');
});

test('output is read page by page from a byte on, with times, and tokens blotted out', async () => {
  const script = bashAgent(sidecar, 'talker', 'echo one; echo "two $JWT_TOKEN"; printf three; echo wrong >&2');
  const { body } = await spawn(sidecar, script);
  await until(sidecar, body.agent_id, 'exited');
  const logs = async (query: string) => (await sidecar.call('GET', `/api/agents/${body.agent_id}/logs?${query}`)).body;
  const first = await logs('limit=1');
  const iso = expect.stringMatching(/^\d{4}-\d\d-\d\dT/);
  expect(first).toMatchObject({ attempt: 1, stream: 'stdout', next_byte: 4, ended: false });
  expect(first.lines).toEqual([{ byte: 0, at: iso, text: 'one', cut: false }]);
  const rest = await logs(`from_byte=${first.next_byte}`);
  expect(rest.lines.map(({ text }: { text: string }) => text)).toEqual(['two [secret]', 'three']);
  expect(rest.ended).toBe(true);
  expect((await logs('stream=stderr')).lines).toMatchObject([{ text: 'wrong', at: iso }]);
  expect(await logs('attempt=7')).toMatchObject({ lines: [], ended: true });
  const collected = readFileSync(join(sidecar.dataDir, 'logs/agents.log'), 'utf8');
  expect(collected).toContain('"text":"two [secret]"');
  expect(collected).not.toMatch(/eyJ/);
});

test('a private key that an agent prints is shown nowhere', async () => {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const file = join(sidecar.project, 'key.pem');
  writeFileSync(file, privateKey);
  const { body } = await spawn(sidecar, bashAgent(sidecar, 'careless', `cat '${file}'; echo 'printed it'`));
  const { log_tail } = await until(sidecar, body.agent_id, 'exited');
  const { body: page } = await sidecar.call('GET', `/api/agents/${body.agent_id}/logs`);
  const collected = (): string => readFileSync(join(sidecar.dataDir, 'logs/agents.log'), 'utf8');
  await expect.poll(collected).toContain('printed it');
  for (const shown of [JSON.stringify(log_tail), JSON.stringify(page), collected()]) {
    expect(shown).toContain('printed it');
    for (const line of privateKey.trim().split('\n').slice(1, -1)) expect(shown).not.toContain(line);
  }
});

test('output is followed while the agent runs', async () => {
  const { launcher, go } = patientAgent(sidecar, 'followed');
  const { body } = await spawn(sidecar, launcher);
  const page = (from: number, wait: number) =>
    sidecar.call('GET', `/api/agents/${body.agent_id}/logs?from_byte=${from}&wait=${wait}`);
  expect((await page(0, 0)).body).toMatchObject({ lines: [], next_byte: 0, ended: false });
  const following = page(0, 15_000);
  go();
  expect((await following).body.lines).toMatchObject([{ text: 'done' }]);
  await until(sidecar, body.agent_id, 'exited');
  expect((await page(5, 15_000)).body).toMatchObject({ lines: [], next_byte: 5, ended: true });
});

test('the trace context of a request reaches the agent; one that cannot be read is ignored', async () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const script = bashAgent(sidecar, 'traced', 'echo "trace ${TRACEPARENT:-none}"');
  const body = { agent_type: 'python-specialist', issue_id: 'issue-1', task: 'Do it', launcher: script };
  for (const [sent, seen] of [
    [traceparent, traceparent],
    ['nonsense', 'none'],
  ]) {
    const answer = await sidecar.call('POST', '/api/agents/spawn', { body, headers: { traceparent: sent ?? '' } });
    expect((await until(sidecar, answer.body.agent_id, 'exited')).log_tail).toEqual([`trace ${seen}`]);
  }
});

test('the launch script runs elsewhere with a minted token', async () => {
  const minted = await sidecar.mint('python-specialist');
  const program = resolve(import.meta.dirname, '../fixtures/agents/print-launch.sh');
  const query = `agent_type=python-specialist&issue_id=issue-1&program=${encodeURIComponent(program)}`;
  const { body } = await sidecar.call('GET', `/api/agents/script?${query}`);
  expect(body).toMatchObject({ agent_type: 'python-specialist', issue_id: 'issue-1' });
  expect(body.script).not.toMatch(/eyJ/);
  const file = join(sidecar.project, 'launch.sh');
  writeFileSync(file, body.script);
  const env = { PATH: process.env['PATH'], JWT_TOKEN: minted.token, AGENT_ID: minted.agentId };
  const running = promisify(execFile)('bash', [file], { env });
  running.child.stdin?.end('the task');
  const { stdout: output } = await running;
  expect(output).toContain('stdin=the task');
  expect(output).toContain(`agent=${minted.agentId} type=python-specialist issue=issue-1`);
  expect(output).toContain('context={');
  // As the help of the command has it, where the project is not.
  const elsewhere = mkdtempSync(join(tmpdir(), 'elsewhere-'));
  writeFileSync(join(elsewhere, 'task.md'), 'the task in a file');
  mkdirSync(join(elsewhere, 'kept'));
  const relative = { ...env, TASK_FILE: 'task.md', AGENT_DIR: 'kept' };
  const { stdout: there } = await promisify(execFile)('bash', [file], { env: relative, cwd: elsewhere });
  rmSync(elsewhere, { recursive: true });
  expect(there).toContain('stdin=the task in a file');
  expect(there).toContain('context={');
  const named = await sidecar.call('GET', `/api/agents/script?${query}&agent_id=${minted.agentId}`);
  expect(named.body.script).toContain(`export AGENT_ID='${minted.agentId}'`);
});
