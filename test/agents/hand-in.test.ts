import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bashAgent, spawn, until } from '../support/agents-under-test.ts';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

const fixtures = resolve(import.meta.dirname, '../fixtures/agents');
let sidecar: SidecarUnderTest;
beforeAll(async () => {
  sidecar = await startForTest();
  for (const issue of ['issue-1', 'issue-2', 'issue-3', 'issue-4', 'issue-5']) await sidecar.createIssue(issue);
});
afterAll(() => sidecar[Symbol.asyncDispose]());

async function resultsOf(issueId: string) {
  const { body } = await sidecar.call('GET', `/api/results?issue_id=${issueId}`);
  return body.results;
}

test('what Claude Code ends with is stored as the agent’s result and announced before its end', async () => {
  const launcher = { kind: 'claude', program: join(fixtures, 'claude') };
  const { body } = await spawn(sidecar, launcher);
  await until(sidecar, body.agent_id, 'exited');
  expect(await resultsOf('issue-1')).toMatchObject([
    { agent_id: body.agent_id, result: { status: 'success', summary: 'Done: Do it', files_modified: ['src/api.py'] } },
  ]);
  const { body: log } = await sidecar.call('GET', '/api/events?filter=issue_id:issue-1');
  const types = log.events.map((event: { event_type: string }) => event.event_type);
  expect(types.indexOf('implementation_complete')).toBeGreaterThan(types.indexOf('agent_spawned'));
  expect(types.indexOf('agent_completed')).toBeGreaterThan(types.indexOf('implementation_complete'));
});

test('a line of output is a result as well', async () => {
  const line = '{"type":"result","status":"partial","summary":"Half of it.","decisions":["Two steps"]}';
  const { body } = await spawn(sidecar, bashAgent(sidecar, 'speaker', `echo '${line}'`), { issue_id: 'issue-2' });
  await until(sidecar, body.agent_id, 'exited');
  expect(await resultsOf('issue-2')).toMatchObject([
    { agent_id: body.agent_id, result: { status: 'partial', summary: 'Half of it.', decisions: ['Two steps'] } },
  ]);
});

test('an agent that stored its result itself has said it once', async () => {
  const launcher = bashAgent(
    sidecar,
    'careful',
    `printf 'header = "Authorization: Bearer %s"\\n' "$JWT_TOKEN" | curl --config - -fsS -H 'content-type: application/json' \\
  "$SIDECAR_URL/results" -d '{"issue_id":"issue-3","result":{"status":"success","summary":"By the API."}}'
echo
echo '{"type":"result","status":"success","summary":"By the output."}'`,
  );
  const { body } = await spawn(sidecar, launcher, { issue_id: 'issue-3' });
  await until(sidecar, body.agent_id, 'exited');
  expect(await resultsOf('issue-3')).toMatchObject([{ result: { summary: 'By the API.' } }]);
});

test('an agent that may not write results hands in nothing', async () => {
  const launcher = bashAgent(sidecar, 'adviser', `echo '{"type":"result","status":"success","summary":"Advice."}'`);
  const { body } = await spawn(sidecar, launcher, { issue_id: 'issue-4', agent_type: 'review-agent' });
  await until(sidecar, body.agent_id, 'exited');
  expect(await resultsOf('issue-4')).toEqual([]);
});

test('a result is its agent’s own whatever it says, on its issue, and the last one counts', async () => {
  const { body: other } = await spawn(sidecar, bashAgent(sidecar, 'other', ':'), { issue_id: 'issue-5' });
  await until(sidecar, other.agent_id, 'exited');
  const names = `"agent_id":"${other.agent_id}","agent_type":"chief-architect","issue_id":"issue-1","id":"r-1"`;
  const launcher = bashAgent(
    sidecar,
    'pretender',
    `echo '{"type":"result","status":"success","summary":"First."}'
echo '{"type":"result","status":"success","summary":"Last.",${names}}'
head -c 1100000 /dev/zero | tr '\\0' x | sed 's/.*/{"type":"result","status":"success","summary":"&"}/'`,
  );
  const { body } = await spawn(sidecar, launcher, { issue_id: 'issue-5' });
  await until(sidecar, body.agent_id, 'exited');
  expect(await resultsOf('issue-5')).toMatchObject([
    { agent_id: body.agent_id, agent_type: 'python-specialist', issue_id: 'issue-5', result: { summary: 'Last.' } },
  ]);
});
