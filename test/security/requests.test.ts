import { once } from 'node:events';
import { connect } from 'node:net';
import { LIMITS } from '@orchestration-sidecar/shared';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { outcomes, sendRaw } from '../support/raw-http.ts';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

let sidecar: SidecarUnderTest;
beforeAll(async () => {
  sidecar = await startForTest();
  await sidecar.createIssue('issue-1');
});
afterAll(() => sidecar[Symbol.asyncDispose]());
afterEach(async () => {
  expect((await sidecar.call('GET', '/health', { token: null })).status).toBe(200);
});

const HOST = 'host: 127.0.0.1\r\n';
const CLOSE = 'connection: close\r\n';

describe('a page in the user’s browser', () => {
  test.each([
    ['DNS rebinding', { host: 'evil.example' }],
    ['DNS rebinding to a name that looks like ours', { host: '127.0.0.1.evil.example:3001' }],
    ['a cross-site fetch', { origin: 'https://evil.example' }],
    ['a sandboxed frame', { origin: 'null' }],
    ['another program on localhost', { origin: 'http://localhost:5173' }],
    ['an image or script tag', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }],
    ['a proxy’s word for it', { host: 'evil.example', 'x-forwarded-host': '127.0.0.1' }],
  ])('%s is refused on every door', async (_name, headers) => {
    const lines = Object.entries({ host: '127.0.0.1', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    for (const target of ['/health', '/api/issues', '/trpc/system.health', '/api/events/stream', '/nothing']) {
      const answer = await sendRaw(sidecar.url, `GET ${target} HTTP/1.1\r\n${lines.join('')}${CLOSE}\r\n`);
      expect([target, ...outcomes(answer)]).toEqual([target, '403 HOST_FORBIDDEN']);
      expect(answer).not.toMatch(/access-control-allow/i);
    }
    if ('sec-fetch-mode' in headers) return;
    const upgrade = `upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n`;
    const answer = await sendRaw(sidecar.url, `GET /trpc HTTP/1.1\r\n${lines.join('')}${upgrade}\r\n`);
    expect(outcomes(answer)).toEqual(['403 HOST_FORBIDDEN']);
  });

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain; application/json',
    '',
  ])('a form that it can send without asking (%j) is not read', async (type) => {
    for (const path of ['/api/issues', '/trpc/issues.create']) {
      const request = `POST ${path} HTTP/1.1\r\n${HOST}${CLOSE}${type && `content-type: ${type}\r\n`}authorization: Bearer ${sidecar.operatorToken}\r\ncontent-length: 20\r\n\r\n{"title":"from form"}`;
      expect(outcomes(await sendRaw(sidecar.url, request))).toEqual(['415 MEDIA_TYPE_UNSUPPORTED']);
    }
    expect((await sidecar.call('GET', '/api/issues')).body.issues).toHaveLength(1);
  });

  test('no answer sets or takes a cookie, and every answer says that it is not to be shown, framed or kept', async () => {
    const cookie = `token=${sidecar.operatorToken}; authorization=Bearer ${sidecar.operatorToken}`;
    const answers = await Promise.all([
      sidecar.call('GET', '/api/issues', { token: null, headers: { cookie } }),
      sidecar.call('GET', '/api/issues'),
      sidecar.call('GET', '/nothing'),
      sidecar.call('GET', '/trpc/system.health'),
    ]);
    expect(answers.map((each) => each.status)).toEqual([401, 200, 404, 200]);
    for (const { headers } of answers) {
      expect(headers.get('set-cookie')).toBeNull();
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('access-control-allow-origin')).toBeNull();
    }
  });
});

describe('an origin that was configured', () => {
  test('may call, and is the only one that gets CORS headers', async () => {
    const origin = 'https://dashboard.example';
    const own = await startForTest({ allowedOrigins: [origin] });
    const preflight = await own.call('OPTIONS', '/api/issues', { token: null, headers: { origin } });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
    expect(preflight.headers.get('access-control-allow-credentials')).toBeNull();
    const read = await own.call('GET', '/api/issues', { headers: { origin } });
    expect([read.status, read.headers.get('access-control-allow-origin')]).toEqual([200, origin]);
    const evil = await own.call('OPTIONS', '/api/issues', { headers: { origin: 'https://evil.example' } });
    expect([evil.status, evil.headers.get('access-control-allow-origin')]).toEqual([403, null]);
    await own[Symbol.asyncDispose]();
  });
});

describe('a request that two readers could understand differently (smuggling)', () => {
  const chunked = '5\r\nhello\r\n0\r\n\r\n';
  const smuggled = `GET /api/issues HTTP/1.1\r\n${HOST}\r\n`;
  test.each([
    [
      'length and chunks',
      `POST /api/issues HTTP/1.1\r\n${HOST}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n${chunked}${smuggled}`,
    ],
    ['two lengths', `POST /api/issues HTTP/1.1\r\n${HOST}content-length: 0\r\ncontent-length: 44\r\n\r\n${smuggled}`],
    ['a list of lengths', `POST /api/issues HTTP/1.1\r\n${HOST}content-length: 0, 44\r\n\r\n${smuggled}`],
    ['a folded header', `GET /health HTTP/1.1\r\n${HOST}x-folded: a\r\n b\r\n${CLOSE}\r\n`],
    ['a space before the colon', `POST /api/issues HTTP/1.1\r\n${HOST}content-length : 44\r\n\r\n${smuggled}`],
    [
      'chunks not last',
      `POST /api/issues HTTP/1.1\r\n${HOST}transfer-encoding: chunked, identity\r\n\r\n${chunked}${smuggled}`,
    ],
    ['a bare line feed', `GET /health HTTP/1.1\n${HOST.replace('\r', '')}\n`],
    ['a NUL in a header', `GET /health HTTP/1.1\r\n${HOST}x-nul: a\0b\r\n\r\n`],
    ['a negative length', `POST /api/issues HTTP/1.1\r\n${HOST}content-length: -1\r\n\r\n`],
    [
      'a chunk with a sign',
      `POST /api/issues HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n`,
    ],
  ])('%s', async (_name, request) => {
    const answer = await sendRaw(sidecar.url, request);
    // One answer, a refusal, and the connection is closed: what was hidden behind is never served.
    expect(outcomes(answer)).toEqual([expect.stringMatching(/^400 (INPUT|JSON)_INVALID$/)]);
  });

  test.each([
    ['two hosts', `GET /health HTTP/1.1\r\n${HOST}host: evil.example\r\n${CLOSE}\r\n`],
    ['no host', `GET /health HTTP/1.1\r\n${CLOSE}\r\n`],
    ['a target of another machine', `GET http://evil.example/health HTTP/1.1\r\n${HOST}${CLOSE}\r\n`],
    ['a target of our own in absolute form', `GET http://127.0.0.1/health HTTP/1.1\r\n${HOST}${CLOSE}\r\n`],
    ['HTTP/1.0 without a host', 'GET /health HTTP/1.0\r\n\r\n'],
  ])('%s', async (_name, request) => {
    expect(outcomes(await sendRaw(sidecar.url, request))).toEqual(['403 HOST_FORBIDDEN']);
  });

  test('two tokens are none', async () => {
    const token = `authorization: Bearer ${sidecar.operatorToken}\r\n`;
    const answer = await sendRaw(sidecar.url, `GET /api/issues HTTP/1.1\r\n${HOST}${token}${token}${CLOSE}\r\n`);
    expect(outcomes(answer)).toEqual(['401 TOKEN_INVALID']);
  });
});

describe('what is too large', () => {
  const big = 'x'.repeat(64 * 1024);
  test.each([
    ['a URL', `GET /${big} HTTP/1.1\r\n${HOST}\r\n`],
    ['a header', `GET /health HTTP/1.1\r\n${HOST}x-big: ${big}\r\n\r\n`],
    ['many headers', `GET /health HTTP/1.1\r\n${HOST}${'x-a: bbbbbbbbbb\r\n'.repeat(4000)}\r\n`],
    [
      'an announced body',
      `POST /api/issues HTTP/1.1\r\n${HOST}content-type: application/json\r\nauthorization: Bearer x\r\ncontent-length: 99999999999\r\n\r\n{`,
    ],
  ])(
    '%s',
    async (_name, request) => {
      expect(outcomes(await sendRaw(sidecar.url, request, { end: false }))).toEqual(['413 PAYLOAD_TOO_LARGE']);
    },
    90_000,
  );

  test('a whole body is told so, and how much is taken, though it is still on its way', async () => {
    const { status, body } = await sidecar.call('POST', '/api/issues', {
      body: { title: 'x'.repeat(LIMITS.maxBodyBytes) },
    });
    expect([status, body]).toMatchObject([413, { code: 'PAYLOAD_TOO_LARGE', maxBytes: LIMITS.maxBodyBytes }]);
  });

  test('a body of zeros that only claims to be compressed is not unpacked', async () => {
    const answer = await sidecar.call('POST', '/api/issues', {
      body: '{"title":"x"}',
      headers: { 'content-encoding': 'gzip' },
    });
    expect(answer.status).toBeLessThan(500);
  });

  test('a WebSocket message, and a batch of messages', async () => {
    const open = async (): Promise<WebSocket> => {
      const socket = new WebSocket(`${sidecar.url.replace('http', 'ws')}/trpc`);
      socket.on('error', () => {});
      await once(socket, 'open');
      return socket;
    };
    const large = await open();
    large.send('x'.repeat(5 * 1024 * 1024));
    expect((await once(large, 'close'))[0]).toBe(1009);
    const batch = await open();
    batch.send(JSON.stringify(Array.from({ length: 501 }, (_, id) => ({ id, method: 'query' }))));
    expect(String((await once(batch, 'message'))[0])).toContain('INPUT_INVALID');
    batch.close();
  });
});

describe('found late, mended, held here', () => {
  test('405 says what is allowed, over REST and tRPC', async () => {
    const answers = await Promise.all([
      sidecar.call('DELETE', '/health'),
      sidecar.call('PUT', '/api/issues'),
      sidecar.call('OPTIONS', '/api/issues'),
      sidecar.call('GET', '/trpc/issues.create'),
      sidecar.call('DELETE', '/trpc/issues.create'),
      fetch(`${sidecar.url}/trpc/issues.list`, { method: 'HEAD' }),
    ]);
    expect(answers.map(({ status, headers }) => [status, headers.get('allow')])).toEqual([
      [405, 'GET, HEAD'],
      [405, 'GET, HEAD, POST'],
      [405, 'GET, HEAD, POST'],
      [405, 'POST'],
      [405, 'GET, POST'],
      [405, 'GET, POST'],
    ]);
    const tunnel = await sendRaw(sidecar.url, `CONNECT evil.example:443 HTTP/1.1\r\n${HOST}\r\n`);
    expect(outcomes(tunnel)).toEqual(['405 METHOD_NOT_ALLOWED']);
  });

  test('an offer of h2c is left alone and the request answered', async () => {
    const offer = 'connection: upgrade, http2-settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n';
    const answer = await sendRaw(sidecar.url, `GET /health HTTP/1.1\r\n${HOST}${offer}\r\n`, { end: true });
    expect(outcomes(answer)).toEqual(['200']);
  });

  test('text that is not UTF-8 is refused instead of replaced', async () => {
    const body = Buffer.concat([Buffer.from('{"title":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]);
    for (const path of ['/api/issues', '/trpc/issues.create']) {
      const head = `POST ${path} HTTP/1.1\r\n${HOST}${CLOSE}content-type: application/json\r\nauthorization: Bearer ${sidecar.operatorToken}\r\ncontent-length: ${body.length}\r\n\r\n`;
      const answer = await sendRaw(sidecar.url, Buffer.concat([Buffer.from(head), body]));
      expect(outcomes(answer)).toEqual(['400 JSON_INVALID']);
    }
  });

  test('a body of null is no event', async () => {
    const headers = { 'content-type': 'application/json' };
    for (const body of ['null', '[]', '7', '"x"', 'true']) {
      const answer = await sidecar.call('POST', '/api/events/x', { body, headers });
      expect([answer.status, answer.body.code]).toEqual([400, 'INPUT_INVALID']);
    }
  });

  test('a malformed path of an upgrade, and a reset while it is refused, do not end the process', async () => {
    const upgrade = `${HOST}upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`;
    expect(outcomes(await sendRaw(sidecar.url, `GET //[ HTTP/1.1\r\n${upgrade}`))).toEqual(['404 ROUTE_NOT_FOUND']);
    for (let n = 0; n < 20; n += 1) {
      const socket = connect(Number(new URL(sidecar.url).port), '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      socket.write(`GET /nothing HTTP/1.1\r\n${upgrade}`);
      socket.resetAndDestroy();
    }
  });

  test('requests before the connection parameters are bounded', async () => {
    const socket = new WebSocket(`${sidecar.url.replace('http', 'ws')}/trpc?connectionParams=1`);
    await once(socket, 'open');
    for (let id = 0; id < 17; id += 1) {
      socket.send(JSON.stringify({ id, method: 'query', params: { path: 'system.health', input: { json: {} } } }));
    }
    expect((await once(socket, 'close'))[0]).toBe(1008);
  });

  test('regression: a subscription stopped before the connection parameters does not start with them', async () => {
    const socket = new WebSocket(`${sidecar.url.replace('http', 'ws')}/trpc?connectionParams=1`);
    await once(socket, 'open');
    const answers: unknown[] = [];
    socket.on('message', (data: Buffer) => {
      const { id, result } = JSON.parse(data.toString());
      answers.push([id, result?.type]);
    });
    const params = { path: 'events.subscribe', input: { json: { event_type: 'never' } } };
    socket.send(JSON.stringify({ id: 1, method: 'subscription', params }));
    socket.send(JSON.stringify({ id: 2, method: 'subscription', params }));
    socket.send(JSON.stringify({ id: 1, method: 'subscription.stop' }));
    socket.send(JSON.stringify({ method: 'connectionParams', data: { token: sidecar.operatorToken } }));
    // Those that wait are served in their order: had the first one begun, it would have said so before the second.
    await expect.poll(() => answers).toContainEqual([2, 'started']);
    expect(answers).toEqual([
      [1, 'stopped'],
      [2, 'started'],
    ]);
    socket.terminate();
  });

  test('a long-poll that a stop interrupts answers its timeout with the cursor to come back with', async () => {
    const own = await startForTest();
    const waiting = own.call('GET', '/api/events/wait/never?timeout=60000&cursor=latest');
    await expect.poll(async () => (await own.call('GET', '/status')).body.events.active_subscriptions).toBe(1);
    const stopping = own[Symbol.asyncDispose]();
    const { status, body } = await waiting;
    expect([status, body]).toMatchObject([200, { events: [], timeout: true, next_cursor: expect.any(String) }]);
    await stopping;
  });
});
