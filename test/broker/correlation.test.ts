import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startForTest } from '../support/sidecar-under-test.ts';

test('one id leads from a request to its events, its agent, what that asks, the audit log and the log line', async () => {
  await using sidecar = await startForTest({ logLevel: 'info' });
  const { projects } = (await sidecar.call('GET', '/api/projects')).body;
  const projectId: string = projects[0].project_id;
  await sidecar.createIssue('i-1');
  const program = join(sidecar.project, 'agent.sh');
  // The token is exchanged first, as a shell does that works for hours.
  const script = `#!/bin/bash
set -eu
JWT_TOKEN="$("$SIDECAR_SEND" --refresh)"
export JWT_TOKEN
curl --silent --fail --config <(printf 'header = "authorization: Bearer %s"' "$JWT_TOKEN") \\
  -H 'content-type: application/json' -H "x-correlation-id: $CORRELATION_ID" \\
  -d '{"topic":"implementation"}' "$SIDECAR_URL/events/half_way"
`;
  writeFileSync(program, script, { mode: 0o755 });
  const id = 'one-id-to-follow';
  const spawned = await sidecar.call('POST', '/api/agents/spawn', {
    headers: { 'x-correlation-id': id },
    body: {
      agent_type: 'python-specialist',
      issue_id: 'i-1',
      task: 'follow',
      launcher: { kind: 'command', program },
    },
  });
  expect(spawned.headers.get('x-correlation-id')).toBe(id);
  const agentId: string = spawned.body.agent_id;
  const eventsOf = async (): Promise<string[]> => {
    const { body } = await sidecar.call('GET', `/api/events?filter=correlation_id:${id}`);
    return body.events.map(({ event_type: eventType }: { event_type: string }) => eventType);
  };
  await expect.poll(eventsOf, { timeout: 30_000 }).toEqual(['agent_spawned', 'half_way', 'agent_completed']);
  const { records } = (await sidecar.call('GET', '/api/audit?limit=100')).body;
  const followed = records.filter((record: { correlation_id: string }) => record.correlation_id === id);
  expect(followed.map(({ action, actor }: { action: string; actor: string }) => [actor, action])).toEqual(
    expect.arrayContaining([
      ['operator', 'agents.spawn'],
      ['sidecar', 'agent_spawned'],
      [agentId, 'events.publish'],
      ['sidecar', 'agent_completed'],
    ]),
  );
  const refreshed = records.find(({ action }: { action: string }) => action === 'tokens.refresh');
  expect(refreshed).toMatchObject({ actor: agentId, outcome: 'OK' });
  const lines = (): string => readFileSync(join(sidecar.dataDir, 'logs', 'sidecar.log'), 'utf8');
  await expect
    .poll(lines, { timeout: 30_000 })
    .toMatch(new RegExp(`"correlation_id":"${id}","project_id":"${projectId}","agent_id":"${agentId}"`));
});
