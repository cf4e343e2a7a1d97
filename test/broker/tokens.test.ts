import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

let sidecar: SidecarUnderTest;
beforeAll(async () => {
  sidecar = await startForTest();
});
afterAll(() => sidecar[Symbol.asyncDispose]());

const kidOf = (token: string): string => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid;
const post = (path: string, body: object, token?: string) =>
  sidecar.call('POST', path, { body, ...(token === undefined ? {} : { token }) });

describe('POST /api/tokens/introspect', () => {
  test('tells an agent about its own token, and nothing about another’s', async () => {
    const agent = await sidecar.mint('python-specialist');
    const other = await sidecar.mint('go-specialist');
    const own = await post('/api/tokens/introspect', {}, agent.token);
    expect(own).toMatchObject({
      status: 200,
      body: {
        active: true,
        reason: null,
        holder: 'agent',
        agent_id: agent.agentId,
        agent_type: 'python-specialist',
        permissions: ['read_context', 'write_results', 'publish_events'],
      },
    });
    for (const token of [other.token, sidecar.operatorToken, 'made-up']) {
      const answer = await post('/api/tokens/introspect', { token }, agent.token);
      expect(answer).toMatchObject({ status: 403, body: { code: 'PERMISSION_DENIED' } });
    }
  });

  test('tells the operator about any, also why it is not good', async () => {
    const { token, agentId } = await sidecar.mint('python-specialist');
    expect((await post('/api/tokens/introspect', { token })).body).toMatchObject({ active: true, agent_id: agentId });
    expect((await post('/api/tokens/introspect', {})).body).toMatchObject({ active: true, holder: 'operator' });
    await post('/api/tokens/revoke', { agent_id: agentId });
    const nothing = { active: false, holder: null, agent_id: null, permissions: [], expires_at: null };
    const reasonOf = async (asked: string) => (await post('/api/tokens/introspect', { token: asked })).body;
    expect(await reasonOf(token)).toMatchObject({ ...nothing, reason: 'TOKEN_REVOKED' });
    expect(await reasonOf('made-up')).toMatchObject({ ...nothing, reason: 'TOKEN_INVALID' });
  });
});

describe('POST /api/tokens/revoke', () => {
  test('is the operator’s, and names exactly one kind', async () => {
    const agent = await sidecar.mint('chief-architect');
    expect((await post('/api/tokens/revoke', { all: true }, agent.token)).status).toBe(403);
    for (const body of [{}, { all: true, agent_id: agent.agentId }, { all: false }]) {
      expect(await post('/api/tokens/revoke', body)).toMatchObject({ status: 400, body: { code: 'INPUT_INVALID' } });
    }
    expect(await post('/api/tokens/revoke', { agent_id: agent.agentId })).toMatchObject({ body: { revoked: 1 } });
    const refused = await sidecar.call('GET', '/api/issues', { token: agent.token });
    expect(refused).toMatchObject({ status: 401, body: { code: 'TOKEN_REVOKED' } });
    const refresh = await post('/api/tokens/refresh', {}, agent.token);
    expect(refresh).toMatchObject({ status: 401, body: { code: 'TOKEN_REVOKED' } });
  });
});

test('POST /api/tokens/rotate-keys: agents notice nothing, unless the key has leaked', async () => {
  const before = await sidecar.mint('python-specialist');
  const { body: keys } = await post('/api/tokens/rotate-keys', {});
  const after = await sidecar.mint('python-specialist');
  expect(kidOf(after.token)).toBe(keys.kid);
  expect(keys.former[0].kid).toBe(kidOf(before.token));
  const { body: jwks } = await sidecar.call('GET', '/.well-known/jwks.json', { token: null });
  expect(jwks.keys.map(({ kid }: { kid: string }) => kid)).toEqual([keys.kid, keys.former[0].kid]);
  const statusOf = async (token: string) => (await sidecar.call('GET', '/api/issues', { token })).status;
  expect([await statusOf(before.token), await statusOf(after.token)]).toEqual([200, 200]);

  await post('/api/tokens/rotate-keys', { leaked: true });
  expect([await statusOf(before.token), await statusOf(after.token)]).toEqual([401, 401]);
});

test('the operator names whom it likes as publisher, but does not speak as the sidecar', async () => {
  const relayed = await post('/api/events/relayed', { topic: 'coordination', publisher: 'python-specialist-1' });
  expect(relayed.status).toBe(202);
  const { body } = await sidecar.call('GET', '/api/events?event_type=relayed');
  expect(body.events).toMatchObject([{ publisher: 'python-specialist-1', publisher_type: 'operator' }]);

  const forged = await post('/api/events/agent_completed', { topic: 'coordination', publisher: 'sidecar' });
  expect(forged).toMatchObject({ status: 403, body: { code: 'PUBLISHER_MISMATCH' } });
});
