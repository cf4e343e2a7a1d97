import { expect, test } from 'vitest';
import { startForTest } from '../support/sidecar-under-test.ts';

test('deeds, denials and failed authentications are on record, with the id of their request', async () => {
  await using sidecar = await startForTest();
  const agent = await sidecar.mint('python-specialist');
  const headers = { 'x-correlation-id': 'corr-1' };
  await sidecar.call('POST', '/api/issues', { body: { issue_id: 'i-1', title: 'One' }, headers });
  await sidecar.call('POST', '/api/issues', { body: { issue_id: 'i-1', title: 'Two' } });
  await sidecar.call('POST', '/api/tokens/revoke', { token: agent.token, body: { all: true } });
  for (let n = 0; n < 50; n += 1) await sidecar.call('GET', '/api/issues', { token: 'made-up' });
  await sidecar.call('POST', '/api/events/x', { token: agent.token, body: { topic: 'security' } });

  const listed = async (query: string) => (await sidecar.call('GET', `/api/audit?${query}`)).body.records;
  expect(await listed('action=issues.create&outcome=OK')).toMatchObject([
    { actor: 'operator', target: 'i-1', correlation_id: 'corr-1', count: 1 },
  ]);
  expect(await listed('outcome=ISSUE_EXISTS')).toMatchObject([{ actor: 'operator', action: 'issues.create' }]);
  expect(await listed('outcome=PERMISSION_DENIED')).toMatchObject([
    { actor: agent.agentId, actor_type: 'python-specialist', action: 'tokens.revoke' },
  ]);
  const failures: { count: number }[] = await listed('outcome=TOKEN_INVALID&actor=anonymous');
  expect(failures.reduce((sum, { count }) => sum + count, 0)).toBe(50);
  expect(await listed('outcome=TOPIC_FORBIDDEN')).toMatchObject([{ actor: agent.agentId, action: 'events.publish' }]);
  expect(await listed('action=token.issued')).toMatchObject([{ actor: 'sidecar', target: agent.agentId }]);

  const first = await sidecar.call('GET', '/api/audit?limit=2');
  const next = await sidecar.call('GET', `/api/audit?limit=2&cursor=${first.body.next_cursor}`);
  expect(next.body.records[0].sequence).toBe(first.body.records[1].sequence - 1);
  expect((await sidecar.call('GET', '/api/audit/verify')).body).toMatchObject({ ok: true, faults: [] });
  for (const path of ['/api/audit', '/api/audit/verify']) {
    expect((await sidecar.call('GET', path, { token: agent.token })).status).toBe(403);
  }
  await sidecar.restart();
  expect((await sidecar.call('GET', '/api/audit/verify')).body).toMatchObject({ ok: true, faults: [] });
  expect(JSON.stringify(await listed('limit=1000'))).not.toContain(agent.token);
});
