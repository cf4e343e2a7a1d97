import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { FakeClock } from '../runtime/fake-clock.ts';
import { createIds } from '../runtime/ids.ts';
import { openTemporaryStore, type TemporaryStore } from '../storage/temporary-store.ts';
import { SigningKeys } from './signing-keys.ts';
import { TokenStore } from './token-store.ts';
import { Tokens, type TokenSubject } from './tokens.ts';

const subject: TokenSubject = {
  agentId: 'python-specialist-1',
  agentType: 'python-specialist',
  projectId: 'p',
  permissions: ['read_context', 'write_results'],
};
const HOUR_MS = 3_600_000;

async function open(store: TemporaryStore, clock = new FakeClock()) {
  const directory = join(store.directory, 'keys');
  mkdirSync(directory, { recursive: true });
  const keys = await SigningKeys.open(directory);
  const { database, writer } = store;
  const tokens = new Tokens({
    store: new TokenStore(database),
    writer,
    keys,
    clock,
    ids: createIds(() => clock.nowMs()),
  });
  return { tokens, keys, clock, directory };
}

describe('a token', () => {
  test('carries the specified claims, signed RS256 with a key id', async () => {
    using store = openTemporaryStore();
    const { tokens, keys, clock } = await open(store);
    const { token } = await tokens.issue(subject);
    const issuedAt = clock.nowMs() / 1000;
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'RS256', typ: 'JWT', kid: keys.active.kid });
    expect(decodeJwt(token)).toEqual({
      sub: 'python-specialist-1',
      agent_type: 'python-specialist',
      project_id: 'p',
      permissions: ['read_context', 'write_results'],
      iss: 'orchestration-sidecar',
      aud: 'orchestration-sidecar/api',
      jti: expect.any(String),
      iat: issuedAt,
      nbf: issuedAt,
      exp: issuedAt + 3600,
    });
    await expect(tokens.verify(token)).resolves.toMatchObject({ kind: 'agent', agentId: subject.agentId });
  });

  test('ends after an hour, also when it was verified before', async () => {
    using store = openTemporaryStore();
    const { tokens, clock } = await open(store);
    const { token } = await tokens.issue(subject);
    await tokens.verify(token);
    clock.advance(HOUR_MS - 1);
    await expect(tokens.verify(token)).resolves.toBeDefined();
    clock.advance(1);
    await expect(tokens.verify(token)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' });
  });

  test('is good after a restart, and a revoked one is still revoked', async () => {
    using store = openTemporaryStore();
    const first = await open(store);
    const { token } = await first.tokens.issue(subject);
    const { token: revoked } = await first.tokens.issue({ ...subject, agentId: 'other-1' });
    await first.tokens.revokeAgent('other-1');
    using again = store.reopen();
    const second = await open(again, first.clock);
    await expect(second.tokens.verify(token)).resolves.toBeDefined();
    await expect(second.tokens.verify(revoked)).rejects.toMatchObject({ code: 'TOKEN_REVOKED' });
  });

  test('is refreshed with an overlap, for eight hours without a gap', async () => {
    using store = openTemporaryStore();
    const { tokens, clock } = await open(store);
    let { token } = await tokens.issue(subject);
    for (let hour = 0; hour < 8; hour += 1) {
      clock.advance(HOUR_MS - 300_000);
      const old = token;
      ({ token } = await tokens.refresh(await tokens.verify(old)));
      await expect(tokens.verify(old)).resolves.toBeDefined();
      await expect(tokens.verify(token)).resolves.toBeDefined();
      clock.advance(60_000);
      await expect(tokens.verify(old)).rejects.toMatchObject({ code: 'TOKEN_REVOKED' });
    }
  });

  test('tells whoever holds something open that it ended', async () => {
    using store = openTemporaryStore();
    const { tokens, clock } = await open(store);
    const expiring = tokens.lifetime(await tokens.verify((await tokens.issue(subject)).token));
    const revoked = tokens.lifetime(
      await tokens.verify((await tokens.issue({ ...subject, agentId: 'other-1' })).token),
    );
    await tokens.revokeAgent('other-1');
    expect(revoked.signal.reason).toMatchObject({ code: 'TOKEN_REVOKED' });
    expect(expiring.signal.aborted).toBe(false);
    clock.advance(HOUR_MS + 1);
    expect(expiring.signal.reason).toMatchObject({ code: 'TOKEN_EXPIRED' });
    expiring.release();
    revoked.release();
    expect(clock.pending).toBe(0);
  });
});

describe('what is not a token of ours is refused', () => {
  test.each(['', 'x', 'a.b.c', `${'A'.repeat(5000)}.${'B'.repeat(5000)}.C`])('%.20s', async (token) => {
    using store = openTemporaryStore();
    const { tokens } = await open(store);
    await expect(tokens.verify(token)).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
  });

  test('another key under our key id, another algorithm, no signature, another audience, an id never issued', async () => {
    using store = openTemporaryStore();
    const { tokens, keys, clock } = await open(store);
    const claims = decodeJwt((await tokens.issue(subject)).token);
    const { privateKey: foreign } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const { kid, privateKey, publicKey } = keys.active;
    const sign = (over: object, header: object, key: Parameters<SignJWT['sign']>[0]) =>
      new SignJWT({ ...claims, ...over }).setProtectedHeader({ alg: 'RS256', kid, ...header }).sign(key);
    const [head = '', body = ''] = (await sign({}, {}, privateKey)).split('.');
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`;
    const confused = await sign({}, { alg: 'HS256' }, publicKey.export({ type: 'spki', format: 'der' }));
    for (const token of [
      await sign({}, {}, foreign),
      confused,
      none,
      `${head}.${body}.`,
      await sign({ aud: 'someone-else' }, {}, privateKey),
      await sign({ iss: 'someone-else' }, {}, privateKey),
      await sign({}, { kid: '../../etc/passwd' }, privateKey),
      await sign({ jti: 'never-issued' }, {}, privateKey),
      await sign({ permissions: ['everything'] }, {}, privateKey),
      await sign({ nbf: clock.nowMs() / 1000 + 600 }, {}, privateKey),
    ]) {
      await expect(tokens.verify(token)).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
    }
  });
});

test('keys are made once, whoever comes first, and are their owner’s alone', async () => {
  using store = openTemporaryStore();
  const directory = join(store.directory, 'race');
  mkdirSync(directory);
  const opened = await Promise.all([SigningKeys.open(directory), SigningKeys.open(directory)]);
  expect(new Set(opened.map((keys) => keys.active.kid)).size).toBe(1);
  expect(readdirSync(directory)).toEqual(['active.pem']);
  expect(statSync(join(directory, 'active.pem')).mode & 0o777).toBe(0o600);
  expect(await opened[0].jwks()).toMatchObject({
    keys: [{ kty: 'RSA', alg: 'RS256', use: 'sig', kid: opened[0].active.kid }],
  });
  expect(JSON.stringify(await opened[0].jwks())).not.toMatch(/"d":/);
});
