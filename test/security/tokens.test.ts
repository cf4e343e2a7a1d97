import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bashAgent, spawn, until } from '../support/agents-under-test.ts';
import { forgeToken, readToken } from '../support/jwt.ts';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

let sidecar: SidecarUnderTest;
let good: ReturnType<typeof readToken>;
let ownKey: KeyObject;
beforeAll(async () => {
  sidecar = await startForTest();
  await sidecar.createIssue('issue-1');
  good = readToken((await sidecar.mint('python-specialist')).token);
  ownKey = createPrivateKey(readFileSync(join(sidecar.dataDir, 'keys', 'active.pem')));
});
afterAll(() => sidecar[Symbol.asyncDispose]());

const codeOf = async (token: string): Promise<string> =>
  (await sidecar.call('GET', '/api/issues', { token })).body.code ?? 'in';

test('the same forging with nothing forged is let in', async () => {
  expect(await codeOf(forgeToken(good.header, good.claims, ownKey))).toBe('in');
});

test('a token that nobody signed (alg none, in any spelling)', async () => {
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
    expect(await codeOf(forgeToken({ ...good.header, alg }, good.claims, null))).toBe('TOKEN_INVALID');
  }
});

test('the public key taken for a shared secret (HS256 instead of RS256)', async () => {
  const publicKey = createPublicKey(ownKey);
  const { keys } = (await sidecar.call('GET', '/.well-known/jwks.json')).body;
  for (const secret of [
    publicKey.export({ type: 'spki', format: 'pem' }),
    publicKey.export({ type: 'pkcs1', format: 'pem' }),
    JSON.stringify(keys[0]),
    String(keys[0].n),
  ]) {
    expect(await codeOf(forgeToken({ ...good.header, alg: 'HS256' }, good.claims, secret))).toBe('TOKEN_INVALID');
  }
});

test.each([
  '../../keys/active',
  '/dev/null',
  "' OR 1=1 --",
  'https://evil.example/k',
  '__proto__',
  'constructor',
  '',
  null,
  7,
  {},
])('a kid that is %j', async (kid) => {
  expect(await codeOf(forgeToken({ ...good.header, kid }, good.claims, ownKey))).toBe('TOKEN_INVALID');
});

test('a key that the token brings along (jwk, jku, x5u, x5c), or another one under our kid (JWKS swap)', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'mine', alg: 'RS256', use: 'sig' };
  const url = 'https://evil.example/jwks.json';
  for (const header of [
    { jwk, kid: 'mine' },
    { jwk },
    { jku: url, kid: 'mine' },
    { x5u: url },
    { x5c: ['AAAA'] },
    {},
  ]) {
    expect(await codeOf(forgeToken({ ...good.header, ...header }, good.claims, privateKey))).toBe('TOKEN_INVALID');
  }
});

test('claims changed under their signature, and a token of our own stolen key that was never issued', async () => {
  const { token } = await sidecar.mint('context-manager');
  const [header = '', , signature = ''] = token.split('.');
  const claims = Buffer.from(JSON.stringify({ ...readToken(token).claims, permissions: ['spawn_agents'] }));
  expect(await codeOf(`${header}.${claims.toString('base64url')}.${signature}`)).toBe('TOKEN_INVALID');
  expect(await codeOf(forgeToken(good.header, { ...good.claims, jti: 'made-up' }, ownKey))).toBe('TOKEN_INVALID');
});

test('what is critical and not understood (crit), and what is no token at all', async () => {
  const critical = { ...good.header, crit: ['exp-only-on-sundays'], 'exp-only-on-sundays': true };
  expect(await codeOf(forgeToken(critical, good.claims, ownKey))).toBe('TOKEN_INVALID');
  const { operatorToken } = sidecar;
  for (const text of [
    'a.b.c',
    '..',
    'x'.repeat(9000),
    'sidecar_op_',
    `${operatorToken}x`,
    operatorToken.slice(0, -1),
  ]) {
    expect(await codeOf(text)).toBe('TOKEN_INVALID');
  }
});

test('a token is of no use once its agent has ended (replay)', async () => {
  const { body } = await spawn(sidecar, bashAgent(sidecar, 'leak', 'printf "%s" "$JWT_TOKEN" > leaked'));
  await until(sidecar, body.agent_id, 'exited');
  const leaked = readFileSync(join(sidecar.project, 'leaked'), 'utf8');
  expect(leaked.split('.')).toHaveLength(3);
  await expect.poll(() => codeOf(leaked)).toBe('TOKEN_REVOKED');
  const refresh = await sidecar.call('POST', '/api/tokens/refresh', { token: leaked, body: {} });
  expect(refresh.body.code).toBe('TOKEN_REVOKED');
});

test('keys and operator token are their user’s alone, and the key set holds nothing private', async () => {
  for (const path of ['operator.token', 'keys/active.pem', 'sidecar.json', '.']) {
    expect([path, statSync(join(sidecar.dataDir, path)).mode & 0o077]).toEqual([path, 0]);
  }
  const { keys } = (await sidecar.call('GET', '/.well-known/jwks.json', { token: null })).body;
  for (const key of keys) expect(Object.keys(key).toSorted()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);
});
