import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { profileOverlay } from '../support/agents-under-test.ts';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

const profilesDir = mkdtempSync(join(tmpdir(), 'sidecar-profiles-'));
/** Claims to have solved it each time; does so only when it is told that the check failed. */
const AGENT = `#!/bin/bash
cp "$TASK_FILE" "seen-$(ls seen-* 2>/dev/null | wc -l).txt"
if grep -q 'the answer is missing' "$TASK_FILE"; then echo 42 >answer.txt; fi
echo '{"issue_id":"'"$ISSUE_ID"'","result":{"status":"success","summary":"solved, I swear","files_modified":["answer.txt"]}}' | "$SIDECAR_SEND" /results
`;
let sidecar: SidecarUnderTest;
beforeAll(async () => {
  const program = join(profilesDir, 'agent.sh');
  profileOverlay(profilesDir, 'python-specialist', { launcher: { kind: 'command', program } });
  writeFileSync(program, AGENT, { mode: 0o755 });
  mkdirSync(join(profilesDir, 'workflows'));
  const workflow = {
    name: 'checked',
    description: 'For tests.',
    phases: [
      { name: 'work', run: { by: 'agents', agents: ['python-specialist'] }, task: 'Answer it.', checks: 'project' },
    ],
    limits: { max_spawns: 5, max_wall_seconds: 600 },
  };
  writeFileSync(join(profilesDir, 'workflows', 'checked.json'), JSON.stringify(workflow));
  sidecar = await startForTest({ profilesDir });
});
afterAll(async () => {
  await sidecar[Symbol.asyncDispose]();
  rmSync(profilesDir, { recursive: true, force: true });
});

async function resolved(issueId: string) {
  const body = { issue_id: issueId, title: 'What is the answer?', workflow: 'checked' };
  await sidecar.call('POST', '/api/issues', { body });
  const outcome = () => sidecar.call('GET', `/api/issues/${issueId}/outcome`);
  await expect.poll(async () => (await outcome()).body.issue.status, { timeout: 30_000 }).toBe('resolved');
  const { body: told } = await outcome();
  const { body: log } = await sidecar.call('GET', `/api/events?filter=issue_id:${issueId}&limit=1000`);
  const { body: live } = await sidecar.call('GET', `/api/agents?issue_id=${issueId}`);
  return { outcome: told.outcome, events: log.events, agents: live.agents };
}

test('a claim that the project’s own check refutes sends the agent back with the fact; what holds is verified', async () => {
  mkdirSync(join(sidecar.project, '.sidecar'));
  const command = ['bash', '-c', 'test -s answer.txt || { echo the answer is missing; exit 3; }'];
  writeFileSync(
    join(sidecar.project, '.sidecar/checks.json'),
    JSON.stringify({ checks: [{ name: 'answer', command }] }),
  );
  const { outcome, events, agents } = await resolved('issue-checked');
  const checks = events.filter((event: { event_type: string }) => event.event_type === 'checks_complete');
  const sha256 = expect.stringMatching(/^[0-9a-f]{64}$/);
  expect(checks).toMatchObject([
    {
      data: {
        passed: false,
        reason: 'named by .sidecar/checks.json',
        checks: [{ exit_code: 3, duration_ms: expect.any(Number), output_sha256: sha256, tree_hash: sha256 }],
      },
    },
    { data: { passed: true, checks: [{ exit_code: 0, output_sha256: sha256, tree_hash: sha256 }] } },
  ]);
  expect(checks[0].data.checks[0].tree_hash).not.toBe(checks[1].data.checks[0].tree_hash);
  expect(readFileSync(join(sidecar.project, 'seen-1.txt'), 'utf8')).toContain('the check answer failed (exit 3)');
  expect(outcome.agents.map((agent: { outcome: string }) => agent.outcome)).toEqual(['failed', 'verified']);
  // Newest first: the agents themselves say so as well.
  expect(agents.map((agent: { outcome: string }) => agent.outcome)).toEqual(['verified', 'failed']);
});

test('where nothing shows that the project works, a claim stays a claim and the log says why', async () => {
  rmSync(join(sidecar.project, '.sidecar'), { recursive: true });
  for (const name of ['requirements.txt', 'package.json']) rmSync(join(sidecar.project, name));
  const { outcome, events } = await resolved('issue-unchecked');
  expect(outcome).toMatchObject({ counts: { verified: 0 }, agents: [{ outcome: 'claimed' }] });
  const decision = events.find((event: { data: { decision?: string } }) => event.data.decision === 'unchecked');
  expect(decision.data.reason).toContain(
    'no tests were found in the project; .sidecar/checks.json can say what to run',
  );
});
