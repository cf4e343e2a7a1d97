import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS, procedures } from '@orchestration-sidecar/shared';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

const CANARY = 'canary-outside-of-the-project';

let sidecar: SidecarUnderTest;
beforeAll(async () => {
  sidecar = await startForTest();
  await sidecar.createIssue('issue-1');
  // Beside the data directory, the project and what lies in it: where a step too many would come out.
  for (const place of [sidecar.dataDir, sidecar.project]) writeFileSync(join(place, '..', 'canary.json'), CANARY);
  mkdirSync(join(sidecar.dataDir, 'results'), { recursive: true });
});
afterAll(() => sidecar[Symbol.asyncDispose]());

const TRAVERSALS = [
  '..%2f..%2fcanary',
  '..%5c..%5ccanary',
  '%2e%2e%2f%2e%2e%2fcanary',
  '..%252f..%252fcanary',
  '%2fetc%2fpasswd',
  '..;%2fcanary',
  'a%00.json',
  '%c0%ae%c0%ae%2fcanary',
  '~%2fcanary',
  '.',
  '..',
];
const withParameters = procedures.filter(({ rest }) => rest.path.includes(':') && rest.path !== '/api/logs/:level');

describe('a path in place of an id', () => {
  test.each(withParameters.map((entry) => [`${entry.rest.method} ${entry.rest.path}`, entry] as const))(
    '%s',
    async (_route, { rest }) => {
      const names = [...rest.path.matchAll(/:\w+/g)].map(([name]) => name);
      for (const name of names) {
        for (const traversal of TRAVERSALS) {
          const path = rest.path.replace(name, traversal).replaceAll(/:\w+/g, 'issue-1');
          const { status, body } = await sidecar.call(rest.method, path, rest.method === 'POST' ? { body: {} } : {});
          const text = JSON.stringify(body);
          expect([path, text.includes(CANARY), text.includes('root:')]).toEqual([path, false, false]);
          // Dots alone are taken out by every client and lead to another route, which may well answer.
          if (/^\.+$/.test(traversal)) expect(status).toBeLessThan(500);
          else expect([path, body.code in ERRORS, Math.floor(status / 100)]).toEqual([path, true, 4]);
        }
      }
    },
  );

  test('a file is read inside of the project alone', async () => {
    for (const path of [
      '../canary.json',
      '/etc/passwd',
      'src/../../canary.json',
      '.git/config',
      '..\\canary.json',
      'a\0b',
    ]) {
      const query = new URLSearchParams({ path });
      const { status } = await sidecar.call('GET', `/api/context/issue-1/python-specialist/file?${query.toString()}`);
      expect([path, Math.floor(status / 100)]).toEqual([path, 4]);
    }
  });

  test('nothing was made outside of what the sidecar keeps', async () => {
    for (const issue_id of ['../out', '..', '.hidden', 'a/b', 'a\\b', 'con\0', '-rf']) {
      expect((await sidecar.call('POST', '/api/issues', { body: { issue_id, title: 'Out' } })).status).toBe(400);
    }
    expect(existsSync(join(sidecar.dataDir, '..', 'out'))).toBe(false);
    expect(readdirSync(join(sidecar.dataDir, 'results'))).toEqual([]);
  });
});

describe('a key that reaches for a prototype', () => {
  const isClean = (): boolean => !('polluted' in {}) && Object.prototype.toString.call({}) === '[object Object]';

  test.each([
    '{"title":"x","__proto__":{"polluted":1}}',
    '{"title":"x","constructor":{"prototype":{"polluted":1}}}',
    '{"title":"x","\\u005f_proto__":{"polluted":1}}',
  ])('a body %s', async (body) => {
    for (const path of ['/api/issues', '/trpc/issues.create']) {
      const sent = path.startsWith('/trpc') ? `{"json":${body}}` : body;
      const answer = await sidecar.call('POST', path, { body: sent, headers: { 'content-type': 'application/json' } });
      expect([answer.status, isClean()]).toEqual([400, true]);
      expect(answer.body).toMatchObject({ code: 'JSON_INVALID', detail: expect.stringContaining('prototype') });
    }
  });

  test('deep inside of what may hold anything', async () => {
    const body = '{"topic":"talk","data":{"a":[{"__proto__":{"polluted":1}}]}}';
    expect((await sidecar.call('POST', '/api/events/x', { body })).status).toBe(400);
    expect(isClean()).toBe(true);
  });

  test('a message over WebSocket is refused to the call that sent it, which would else wait for ever', async () => {
    const socket = new WebSocket(`${sidecar.url.replace('http', 'ws')}/trpc`);
    await once(socket, 'open');
    const call = (id: number): string =>
      `{"id":${id},"method":"query","params":{"path":"x","input":{"json":{"constructor":{"prototype":1}}}}}`;
    for (const [message, ids] of [
      [call(7), [7]],
      [`[${call(8)},${call(9)}]`, [8, 9]],
      ['{"id":10', [null]],
    ] as const) {
      const answers: { id: number | null; error: { json: { data: { problem: { code: string } } } } }[] = [];
      socket.on('message', (data: Buffer) => answers.push(JSON.parse(data.toString())));
      socket.send(message);
      await expect.poll(() => answers.map(({ id }) => id)).toEqual(ids);
      for (const { error } of answers) expect(error.json.data.problem.code).toBe('JSON_INVALID');
      socket.removeAllListeners('message');
    }
    socket.terminate();
    expect(isClean()).toBe(true);
  });

  test.each(['__proto__=1', '__proto__[polluted]=1', 'constructor.prototype.polluted=1', '__proto__.polluted=1'])(
    'a query %s',
    async (query) => {
      expect((await sidecar.call('GET', `/api/issues?${query}`)).status).toBe(400);
      expect(isClean()).toBe(true);
    },
  );

  test('a filter and a name of a procedure', async () => {
    for (const filter of ['__proto__:x', 'constructor.name:Object', 'toString:*', '__proto__.__proto__:*']) {
      await sidecar.call('POST', '/api/events/proto', { body: { topic: 'talk', data: { a: 1 } } });
      const { body } = await sidecar.call('GET', `/api/events?event_type=proto&filter=${encodeURIComponent(filter)}`);
      expect([filter, body.events]).toEqual([filter, []]);
    }
    for (const name of ['__proto__', 'constructor', 'issues.__proto__', 'issues.constructor', 'toString', '_def']) {
      expect([name, (await sidecar.call('GET', `/trpc/${name}`)).status]).toEqual([name, 404]);
    }
  });
});

describe('superjson', () => {
  const create = (json: object, meta: object): Promise<{ status: number; body: unknown }> =>
    sidecar.call('POST', '/trpc/issues.create', { body: { json, meta } });

  test.each(['Date', 'regexp', 'bigint', 'set', 'map', 'URL', 'Error', 'number', 'typed-array'])(
    'a value that is to become a %s is refused',
    async (type) => {
      expect((await create({ title: 'x' }, { values: { title: [type] } })).status).toBe(400);
    },
  );

  test.each([
    ['a class', { values: { title: [['class', 'Object']] } }],
    ['a custom type', { values: { title: [['custom', 'x'], {}] } }],
    ['a path to a prototype', { values: { '__proto__.polluted': ['undefined'] } }],
    ['a path to a constructor', { values: { 'constructor.prototype.polluted': ['undefined'] } }],
  ])('%s', async (_name, meta) => {
    expect((await create({ title: 'x' }, meta)).status).toBe(400);
    expect('polluted' in {}).toBe(false);
  });

  test('references that would unfold into something huge are not followed', async () => {
    const doubling = Object.fromEntries(
      Array.from({ length: 30 }, (_, n) => [`data.a${n}`, [`data.b${n}`, `data.c${n}`]]),
    );
    const json = { event_type: 'x', topic: 'talk', data: { a0: 'x'.repeat(1000) } };
    const { status, body } = await sidecar.call('POST', '/trpc/events.publish', {
      body: { json, meta: { referentialEqualities: doubling } },
    });
    expect(status).toBe(200);
    const { events } = (await sidecar.call('GET', '/api/events?event_type=x')).body;
    expect([typeof body, events.at(-1).data]).toEqual(['object', json.data]);
  });
});

describe('a text that makes matching slow (ReDoS)', () => {
  // An expression that goes back and forth over one of these would not be through before the test is given up.
  test('filters, ids, cursors, times, tokens and headers', async () => {
    const long = 'a'.repeat(4000);
    const evil = [
      `${long}!`,
      `${'a.'.repeat(2000)}:`,
      '*'.repeat(4000),
      'a|'.repeat(2000),
      `!${'!'.repeat(4000)}`,
      `${long}:${long}*`,
    ];
    for (const text of evil) {
      const value = encodeURIComponent(text);
      const answers = await Promise.all([
        sidecar.call('GET', `/api/events?filter=${value}`),
        sidecar.call('GET', `/api/events?event_type=${value}`),
        sidecar.call('GET', `/api/events?after=${value}`),
        sidecar.call('GET', `/api/events?since=${value}`),
        sidecar.call('GET', `/api/issues/${value}`),
        sidecar.call('GET', '/api/issues', { token: text }),
        sidecar.call('GET', '/api/issues', { headers: { traceparent: text, 'x-correlation-id': text, origin: text } }),
      ]);
      for (const { status } of answers) expect(status).toBeLessThan(500);
    }
  });
});
