import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { profileOverlay, until } from '../support/agents-under-test.ts';
import { readToken } from '../support/jwt.ts';
import { startForTest } from '../support/sidecar-under-test.ts';

test('a child holds no permission that its parent lacks, however often its token is refreshed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sidecar-profiles-'));
  const program = join(folder, 'leak.sh');
  const leaked = join(folder, 'leaked');
  const go = join(folder, 'go');
  writeFileSync(
    program,
    `#!/bin/bash\nprintf '%s' "$JWT_TOKEN" >'${leaked}.part'; mv '${leaked}.part' '${leaked}'\nwhile [ ! -e '${go}' ]; do sleep 0.05; done\n`,
    { mode: 0o755 },
  );
  profileOverlay(folder, 'chief-architect', { permissions: ['spawn_agents', 'read_context'] });
  profileOverlay(folder, 'python-specialist', { launcher: { kind: 'command', program } });
  await using sidecar = await startForTest({ profilesDir: folder });
  await sidecar.createIssue('issue-1');
  const parent = await sidecar.mint('chief-architect');
  const own = (await sidecar.call('GET', '/api/profiles/python-specialist')).body.permissions;
  expect(own).toEqual(expect.arrayContaining(['write_results', 'publish_events']));

  const body = { agent_type: 'python-specialist', issue_id: 'issue-1', task: 'Try' };
  const spawned = await sidecar.call('POST', '/api/agents/spawn', { body, token: parent.token });
  expect(spawned.status).toBe(201);
  const read = (): string => readFileSync(leaked, 'utf8');
  await expect.poll(read).not.toBe('');
  const permissionsIn = (token: string): unknown => readToken(token).claims['permissions'];
  expect(permissionsIn(read())).toEqual(['read_context']);
  const refreshed = await sidecar.call('POST', '/api/tokens/refresh', { body: {}, token: read() });
  expect(permissionsIn(refreshed.body.token)).toEqual(['read_context']);
  // What the token says is what holds.
  const result = { issue_id: 'issue-1', result: { status: 'success' } };
  const stored = await sidecar.call('POST', '/api/results', { body: result, token: refreshed.body.token });
  expect(stored.body.code).toBe('PERMISSION_DENIED');
  writeFileSync(go, '');
  await until(sidecar, spawned.body.agent_id, 'exited');
});
