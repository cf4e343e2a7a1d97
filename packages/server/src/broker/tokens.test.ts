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
import { KEY_OVERLAP_MS, Tokens, type TokenSubject } from './tokens.ts';

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
  const keys = await SigningKeys.open(directory, { clock, overlapMs: KEY_OVERLAP_MS });
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

  test('regression: is good on a clock that was set back since, and ends when it would have', async () => {
    using store = openTemporaryStore();
    const { tokens, clock } = await open(store);
    const { token } = await tokens.issue(subject);
    clock.set(-600_000);
    await expect(tokens.verify(token)).resolves.toBeDefined();
    clock.set(600_000 + HOUR_MS);
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

  test('regression: is refreshed again and again within its overlap only so often', async () => {
    using store = openTemporaryStore();
    const { tokens, clock } = await open(store);
    const principal = await tokens.verify((await tokens.issue(subject)).token);
    const refreshing = Array.from({ length: 50 }, () => tokens.refresh(principal));
    const outcomes = await Promise.allSettled(refreshing);
    // Which of them it is, the threads that sign decide.
    const given = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(given).toHaveLength(31);
    await expect(tokens.refresh(principal)).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      extension: { retry_after_seconds: 60 },
    });
    // Another agent has its own.
    const other = await tokens.verify((await tokens.issue({ ...subject, agentId: 'other-1' })).token);
    await expect(tokens.refresh(other)).resolves.toBeDefined();
    // Nobody is locked out by it.
    clock.advance(60_000);
    await expect(tokens.refresh(await tokens.verify(given[0]?.token ?? ''))).resolves.toBeDefined();
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

describe('revoking', () => {
  test('ends one, an agent’s, a project’s, or all', async () => {
    using store = openTemporaryStore();
    const { tokens } = await open(store);
    const mint = async (agentId: string, projectId: string) =>
      (await tokens.issue({ ...subject, agentId, projectId })).token;
    const [first, second, other, elsewhere] = [
      await mint('a-1', 'p'),
      await mint('a-1', 'p'),
      await mint('b-1', 'p'),
      await mint('c-1', 'q'),
    ];
    const good = async () => {
      const checked = await Promise.allSettled([first, second, other, elsewhere].map((token) => tokens.verify(token)));
      return checked.map(({ status }) => status === 'fulfilled');
    };
    expect(await good()).toEqual([true, true, true, true]);
    expect(await tokens.revoke({ tokenId: (await tokens.verify(first)).tokenId })).toBe(1);
    expect(await good()).toEqual([false, true, true, true]);
    expect(await tokens.revoke({ agentId: 'a-1' })).toBe(1);
    expect(await good()).toEqual([false, false, true, true]);
    expect(await tokens.revoke({ projectId: 'p' })).toBe(1);
    expect(await good()).toEqual([false, false, false, true]);
    expect(await tokens.revoke('all')).toBe(1);
    expect(await tokens.revoke('all')).toBe(0);
    expect(await good()).toEqual([false, false, false, false]);
  });

  test('a refresh that crosses the end of its agent gives no token that outlives it', async () => {
    using store = openTemporaryStore();
    const { tokens } = await open(store);
    const { token } = await tokens.issue(subject);
    const principal = await tokens.verify(token);
    const refreshing = tokens.refresh(principal);
    const ended = tokens.revokeAgent(subject.agentId);
    await expect(refreshing).rejects.toMatchObject({ code: 'TOKEN_REVOKED' });
    await ended;
    await expect(tokens.verify(token)).rejects.toMatchObject({ code: 'TOKEN_REVOKED' });
  });

  test('a refresh takes permissions away and never adds one', async () => {
    using store = openTemporaryStore();
    const { tokens } = await open(store);
    const principal = await tokens.verify((await tokens.issue(subject)).token);
    const { token } = await tokens.refresh(principal, ['read_context']);
    expect(await tokens.verify(token)).toMatchObject({ permissions: ['read_context'] });
  });
});

describe('rotating keys', () => {
  test('tokens of the key before are good until they expire, and both keys are published until then', async () => {
    using store = openTemporaryStore();
    const { tokens, keys, clock, directory } = await open(store);
    const before = keys.active.kid;
    const { token: old } = await tokens.issue(subject);
    await tokens.rotateKeys({ leaked: false });
    const { token: fresh } = await tokens.issue(subject);
    expect(decodeProtectedHeader(fresh).kid).toBe(keys.active.kid);
    expect(keys.active.kid).not.toBe(before);
    const kids = async () => (await keys.jwks()).keys.map(({ kid }) => kid);
    expect(await kids()).toEqual([keys.active.kid, before]);
    expect(readdirSync(directory).toSorted()).toEqual([`${before}.pem`, 'active.pem'].toSorted());

    // A restart knows both.
    using again = store.reopen();
    const second = await open(again, clock);
    await expect(second.tokens.verify(old)).resolves.toBeDefined();
    await expect(second.tokens.verify(fresh)).resolves.toBeDefined();

    clock.advance(HOUR_MS);
    await expect(second.tokens.verify(old)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' });
    clock.advance(KEY_OVERLAP_MS - HOUR_MS);
    expect((await second.keys.jwks()).keys).toHaveLength(1);
    await second.tokens.keepUp(30 * 24 * HOUR_MS);
    expect(readdirSync(directory)).toEqual(['active.pem']);
  });

  test('a leaked key verifies nothing any more, open subscriptions and remembered tokens included', async () => {
    using store = openTemporaryStore();
    const { tokens, keys, directory } = await open(store);
    const { token } = await tokens.issue(subject);
    const lifetime = tokens.lifetime(await tokens.verify(token));
    await tokens.rotateKeys({ leaked: false });
    await tokens.rotateKeys({ leaked: true });
    expect(lifetime.signal.reason).toMatchObject({ code: 'TOKEN_REVOKED' });
    await expect(tokens.verify(token)).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
    expect((await keys.jwks()).keys).toHaveLength(1);
    expect(readdirSync(directory)).toEqual(['active.pem']);
    lifetime.release();
  });

  test('happens by itself when the key is old', async () => {
    using store = openTemporaryStore();
    const { tokens, keys, clock } = await open(store);
    const before = keys.active.kid;
    await tokens.keepUp(HOUR_MS);
    expect(keys.active.kid).toBe(before);
    clock.advance(HOUR_MS + 1);
    await tokens.keepUp(HOUR_MS);
    expect(keys.active.kid).not.toBe(before);
    expect(keys.former).toEqual([{ kid: before, verifiesUntilMs: clock.nowMs() + KEY_OVERLAP_MS }]);
  });

  test('rotations that come together each leave a whole key', async () => {
    using store = openTemporaryStore();
    const { tokens, keys } = await open(store);
    await Promise.all([1, 2, 3].map(() => tokens.rotateKeys({ leaked: false })));
    expect(keys.former).toHaveLength(3);
    await expect(tokens.verify((await tokens.issue(subject)).token)).resolves.toBeDefined();
  });
});

test('keys are made once, whoever comes first, and are their owner’s alone', async () => {
  using store = openTemporaryStore();
  const directory = join(store.directory, 'race');
  mkdirSync(directory);
  const needs = { clock: new FakeClock(), overlapMs: KEY_OVERLAP_MS };
  const opened = await Promise.all([SigningKeys.open(directory, needs), SigningKeys.open(directory, needs)]);
  expect(new Set(opened.map((keys) => keys.active.kid)).size).toBe(1);
  expect(readdirSync(directory)).toEqual(['active.pem']);
  expect(statSync(join(directory, 'active.pem')).mode & 0o777).toBe(0o600);
  expect(await opened[0].jwks()).toMatchObject({
    keys: [{ kty: 'RSA', alg: 'RS256', use: 'sig', kid: opened[0].active.kid }],
  });
  expect(JSON.stringify(await opened[0].jwks())).not.toMatch(/"d":/);
});
