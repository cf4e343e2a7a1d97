import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startForTest, type Answer, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

let sidecar: SidecarUnderTest;
beforeAll(async () => {
  sidecar = await startForTest();
  await sidecar.createIssue('issue-124');
});
afterAll(() => sidecar[Symbol.asyncDispose]());

/** Writes an executable bash agent into the project and answers the launcher for it. */
function bashAgent(name: string, script: string): object {
  const path = join(sidecar.project, `${name}.sh`);
  writeFileSync(path, `#!/bin/bash\nset -eu\n${script}\n`, { mode: 0o755 });
  return { kind: 'command', program: path };
}

const spawn = (launcher: object, over: object = {}): Promise<Answer> =>
  sidecar.call('POST', '/api/agents/spawn', {
    body: {
      agent_type: 'python-specialist',
      issue_id: 'issue-124',
      task: 'Implement user authentication',
      launcher,
      ...over,
    },
  });
const stateOf = async (agentId: string): Promise<string> =>
  (await sidecar.call('GET', `/api/agents/${agentId}/status`)).body.state;
const ended = (agentId: string, state: string) => expect.poll(() => stateOf(agentId), { timeout: 15_000 }).toBe(state);
const eventsOf = async (agentId: string): Promise<string[]> =>
  (await sidecar.call('GET', `/api/events?topic=coordination&filter=agent_id:${agentId}`)).body.events.map(
    (event: { event_type: string }) => event.event_type,
  );

test('an agent is a real process with its context, its task and its token', async () => {
  const launcher = bashAgent(
    'worker',
    `post() { curl --silent --fail --config <(printf 'header = "authorization: Bearer %s"' "$JWT_TOKEN") -H 'content-type: application/json' -d "$2" "$SIDECAR_URL$1"; }
grep -q '"issue_id":"issue-124"' "$CONTEXT_FILE"
post /results "{\\"issue_id\\":\\"$ISSUE_ID\\",\\"result\\":{\\"status\\":\\"success\\",\\"summary\\":\\"$(cat "$TASK_FILE") $PYTHON_VERSION\\"}}"`,
  );
  const { status, body } = await spawn(launcher, {
    environment: { PYTHON_VERSION: '3.11', PROJECT_ROOT: sidecar.project },
  });
  expect(status).toBe(201);
  expect(body).toMatchObject({
    agent_id: expect.stringMatching(/^python-specialist-/),
    spawned: true,
    process_id: expect.any(Number),
    context_injected: true,
    webhook_url: `/api/agents/${body.agent_id}/status`,
  });
  await ended(body.agent_id, 'exited');
  const results = await sidecar.call('GET', '/api/results?issue_id=issue-124');
  expect(results.body.results).toMatchObject([
    { agent_id: body.agent_id, result: { summary: 'Implement user authentication 3.11' } },
  ]);
  const agent = await sidecar.call('GET', body.webhook_url);
  expect(agent.body).toMatchObject({ outcome: 'claimed', exit: { code: 0, signal: null }, attempt: 1 });
  expect(await eventsOf(body.agent_id)).toEqual(['agent_spawned', 'agent_completed']);
});

test('neither token nor task stands on a command line, and an agent’s files are its user’s alone', async () => {
  const launcher = bashAgent('argv', 'tr "\\0" "\\n" </proc/$PPID/cmdline; tr "\\0" "\\n" </proc/$$/cmdline');
  const { body } = await spawn(launcher, { task: 'a secret task' });
  await ended(body.agent_id, 'exited');
  const { log_tail: lines } = (await sidecar.call('GET', body.webhook_url)).body;
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.join('\n')).not.toMatch(/eyJ|secret/);
  const directory = join(sidecar.dataDir, 'agents', body.agent_id, 'attempt-1');
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  expect(readdirSync(directory).map((file) => statSync(join(directory, file)).mode & 0o077)).not.toContainEqual(
    expect.not.toSatisfy((bits) => bits === 0),
  );
  expect(readFileSync(join(directory, 'task.txt'), 'utf8')).toBe('a secret task');
});

test('an agent’s token dies with its process', async () => {
  const file = join(sidecar.project, 'token.txt');
  const { body } = await spawn(bashAgent('leaker', `printf %s "$JWT_TOKEN" >'${file}'`));
  await ended(body.agent_id, 'exited');
  const token = readFileSync(file, 'utf8');
  await expect.poll(async () => (await sidecar.call('GET', '/api/issues', { token })).body.code).toBe('TOKEN_REVOKED');
  expect((await sidecar.call('POST', '/api/tokens/refresh', { token })).status).toBe(401);
});

test('a stopped agent is gone, also when it ignores the request', async () => {
  const { body } = await spawn(bashAgent('stubborn', "trap '' TERM; echo ready; while :; do sleep 1; done"));
  await expect.poll(async () => (await sidecar.call('GET', body.webhook_url)).body.log_tail).toContain('ready');
  const stopped = await sidecar.call('POST', `/api/agents/${body.agent_id}/stop`, { body: { reason: 'enough' } });
  expect(stopped.body).toMatchObject({ state: 'stopped' });
  expect(() => process.kill(body.process_id, 0)).toThrow(/ESRCH/);
  expect(await eventsOf(body.agent_id)).toEqual(['agent_spawned', 'agent_stopped']);
});

test('the same idempotency key starts one agent', async () => {
  const launcher = bashAgent('once', 'exit 0');
  const [first, second] = await Promise.all([
    spawn(launcher, { idempotency_key: 'spawn-1' }),
    spawn(launcher, { idempotency_key: 'spawn-1' }),
  ]);
  expect(second.body.agent_id).toBe(first.body.agent_id);
  await ended(first.body.agent_id, 'exited');
});

test.each([
  ['LAUNCHER_UNAVAILABLE', 422, { launcher: { kind: 'command', program: 'no-such-program-anywhere' } }],
  ['ENVIRONMENT_FORBIDDEN', 400, { environment: { LD_PRELOAD: '/tmp/x.so', NODE_OPTIONS: '--require x' } }],
  ['CONTEXT_REQUIREMENT_UNKNOWN', 400, { context_requirements: ['project_structure', 'everything'] }],
  ['AGENT_TYPE_NOT_FOUND', 404, { agent_type: 'no-such-agent' }],
  ['ISSUE_NOT_FOUND', 404, { issue_id: 'no-such-issue' }],
])('%s: nothing is started', async (code, status, over) => {
  const before = (await sidecar.call('GET', '/api/agents')).body.agents.length;
  const answer = await spawn(bashAgent('never', 'exit 0'), over);
  expect(answer).toMatchObject({ status, body: { code } });
  expect((await sidecar.call('GET', '/api/agents')).body.agents).toHaveLength(before);
});

test('agents go on while the sidecar is away, and are known again when it is back', async () => {
  const go = join(sidecar.project, 'go');
  const launcher = bashAgent('patient', `while [ ! -e '${go}' ]; do sleep 0.05; done; echo done`);
  const { body } = await spawn(launcher);
  await sidecar.restart();
  expect((await sidecar.call('GET', body.webhook_url)).body).toMatchObject({
    state: 'running',
    process_id: body.process_id,
  });
  writeFileSync(go, '');
  await ended(body.agent_id, 'exited');
  expect(await eventsOf(body.agent_id)).toEqual(['agent_spawned', 'agent_completed']);
});

test('a failing agent is tried again, told why, and escalated when nothing helps', async () => {
  const { body } = await spawn(bashAgent('failing', 'exit 3'));
  await expect.poll(() => eventsOf(body.agent_id), { timeout: 15_000 }).toContain('agent_failed');
  const first = (await sidecar.call('GET', `/api/events?event_type=agent_failed&filter=agent_id:${body.agent_id}`)).body
    .events[0];
  expect(first.data).toMatchObject({
    error: 'the agent exited with 3',
    retry_possible: true,
    will_retry: true,
    attempt: 1,
  });
  await sidecar.call('POST', `/api/agents/${body.agent_id}/stop`, { body: {} });
  expect(await stateOf(body.agent_id)).toBe('stopped');
});
