import { connect } from 'node:net';
import { ERRORS, procedures, type ErrorCode } from '@orchestration-sidecar/shared';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  startForTest,
  type Answer,
  type CallOptions,
  type SidecarUnderTest,
  type TestAgent,
} from '../support/sidecar-under-test.ts';

let sidecar: SidecarUnderTest;
let python: TestAgent;
let docs: TestAgent;
let support: TestAgent;
beforeAll(async () => {
  sidecar = await startForTest();
  await sidecar.createIssue('issue-1');
  python = await sidecar.mint('python-specialist');
  docs = await sidecar.mint('documentation-expert');
  support = await sidecar.mint('context-manager');
});
afterAll(() => sidecar[Symbol.asyncDispose]());
afterEach(async () => {
  expect((await sidecar.call('GET', '/health', { token: null })).status).toBe(200);
});

/** Sends what must be refused; checks the problem document and that nothing was stored. */
async function refused(code: ErrorCode, method: string, path: string, options: CallOptions = {}): Promise<Answer> {
  const before = await stored();
  const answer = await sidecar.call(method, path, options);
  expect(answer.body).toMatchObject({
    type: expect.stringMatching(/^urn:/),
    title: ERRORS[code].title,
    status: ERRORS[code].http,
    detail: expect.any(String),
    code,
    retryable: ERRORS[code].retryable,
    recovery: ERRORS[code].recovery,
    correlation_id: answer.headers.get('x-correlation-id'),
  });
  expect(answer.status).toBe(ERRORS[code].http);
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  expect(JSON.stringify(answer.body)).not.toMatch(/node_modules|\.ts:|SQLITE|at \w+ \(/);
  expect(await stored()).toEqual(before);
  return answer;
}

async function stored(): Promise<unknown> {
  const [results, issues, events, agents] = await Promise.all([
    sidecar.call('GET', '/api/results?limit=1000'),
    sidecar.call('GET', '/api/issues?limit=1000'),
    sidecar.call('GET', '/api/events?limit=1000'),
    sidecar.call('GET', '/api/agents?limit=1000'),
  ]);
  return [results.body.results, issues.body.issues, events.body.events, agents.body.agents].map((list) => list.length);
}

const megabyte = 'x'.repeat(1024 * 1024);
const good = { issue_id: 'issue-1', result: { status: 'success' } };

describe('unknown things', () => {
  test.each<[ErrorCode, string, string, CallOptions?]>([
    ['ISSUE_NOT_FOUND', 'GET', '/api/context/nope/python-specialist'],
    ['ISSUE_NOT_FOUND', 'GET', '/api/issues/nope'],
    [
      'ISSUE_NOT_FOUND',
      'POST',
      '/api/results',
      { body: { ...good, agent_type: 'python-specialist', issue_id: 'nope' } },
    ],
    ['ISSUE_NOT_FOUND', 'DELETE', '/api/cache/context/nope'],
    ['AGENT_TYPE_NOT_FOUND', 'GET', '/api/context/issue-1/no-such-agent'],
    ['AGENT_TYPE_NOT_FOUND', 'POST', '/api/tokens', { body: { agent_type: 'no-such-agent' } }],
    ['AGENT_TYPE_NOT_FOUND', 'POST', '/api/results', { body: { ...good, agent_type: 'no-such-agent' } }],
    ['AGENT_NOT_FOUND', 'GET', '/api/agents/nope/status'],
    ['RESULT_NOT_FOUND', 'GET', '/api/results/nope'],
    ['PROJECT_NOT_FOUND', 'GET', '/api/issues?project_id=nope'],
    ['PROJECT_ROOT_INVALID', 'POST', '/api/projects', { body: { root: '/no/such/directory' } }],
    ['PROJECT_ROOT_INVALID', 'POST', '/api/projects', { body: { root: 'relative' } }],
    ['WORKFLOW_NOT_FOUND', 'POST', '/api/issues', { body: { title: 'x', workflow: 'nope' } }],
    ['ROUTE_NOT_FOUND', 'GET', '/api/nothing'],
    ['METHOD_NOT_ALLOWED', 'DELETE', '/health'],
    ['INPUT_INVALID', 'POST', '/api/issues', { body: { title: 'x', colour: 'red' } }],
    ['INPUT_INVALID', 'GET', '/api/issues?colour=red'],
  ])('%s: %s %s', async (code, method, path, options) => {
    await refused(code, method, path, options);
  });
});

describe('tokens', () => {
  test.each<[ErrorCode, string | null]>([
    ['UNAUTHENTICATED', null],
    ['TOKEN_INVALID', 'nonsense'],
    ['TOKEN_INVALID', `${'a'.repeat(20)}.${'b'.repeat(20)}.${'c'.repeat(20)}`],
    ['TOKEN_INVALID', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.'],
  ])('%s', async (code, token) => {
    await refused(code, 'GET', '/api/issues', { token });
  });

  test('an agent stays in its role', async () => {
    const as = (agent: TestAgent, body?: unknown): CallOptions => ({
      token: agent.token,
      ...(body === undefined ? {} : { body }),
    });
    await refused('AGENT_TYPE_FORBIDDEN', 'GET', '/api/context/issue-1/go-specialist', as(python));
    await refused('AGENT_TYPE_FORBIDDEN', 'POST', '/api/results', as(python, { ...good, agent_type: 'go-specialist' }));
    await refused('PUBLISHER_MISMATCH', 'POST', '/api/results', as(python, { ...good, agent_id: 'someone-else' }));
    await refused(
      'PUBLISHER_MISMATCH',
      'POST',
      '/api/events/x',
      as(python, { publisher: 'someone-else', topic: 'implementation' }),
    );
    await refused('TOPIC_FORBIDDEN', 'POST', '/api/events/x', as(python, { topic: 'security' }));
    await refused('TOPIC_FORBIDDEN', 'POST', '/api/events/agent_completed', as(python, { topic: 'coordination' }));
    await refused('PERMISSION_DENIED', 'POST', '/api/events/x', as(docs, { topic: 'documentation' }));
    await refused('PERMISSION_DENIED', 'POST', '/api/results', as(support, good));
    await refused(
      'PERMISSION_DENIED',
      'POST',
      '/api/agents/spawn',
      as(python, { agent_type: 'go-specialist', issue_id: 'issue-1', task: 'x' }),
    );
    await refused('PERMISSION_DENIED', 'POST', '/api/tokens', as(python, { agent_type: 'go-specialist' }));
    await refused('PROJECT_FORBIDDEN', 'GET', '/api/issues?project_id=other', as(python));
  });

  test('whoever is in trouble may say so', async () => {
    const answer = await sidecar.call('POST', '/api/events/stuck', {
      token: support.token,
      body: { topic: 'error', data: { why: 'x' } },
    });
    expect(answer.status).toBe(202);
    const other = { topic: 'error', data: { agent_id: python.agentId } };
    await refused('PUBLISHER_MISMATCH', 'POST', '/api/events/stuck', { token: support.token, body: other });
  });

  test('the sidecar publishes for a documentation agent when it stores its result', async () => {
    await sidecar.call('POST', '/api/results', { token: docs.token, body: good });
    const { body } = await sidecar.call('GET', '/api/events?topic=documentation');
    expect(body.events).toMatchObject([
      { event_type: 'documentation_updated', publisher_type: 'documentation-expert' },
    ]);
  });
});

describe('malformed requests', () => {
  const json = { 'content-type': 'application/json' };
  test.each<[ErrorCode, string, string, CallOptions]>([
    ['JSON_INVALID', 'POST', '/api/issues', { body: '{"title":', headers: json }],
    ['JSON_INVALID', 'POST', '/api/issues', { body: '', headers: json }],
    ['JSON_INVALID', 'POST', '/api/issues', { body: '{"title":"x","__proto__":{"a":1}}', headers: json }],
    ['ISSUE_NOT_FOUND', 'DELETE', '/api/cache/context/nope', { body: '', headers: json }],
    ['INPUT_INVALID', 'POST', '/api/issues', { body: '[]', headers: json }],
    ['INPUT_INVALID', 'POST', '/api/issues', { body: 'null', headers: json }],
    ['INPUT_INVALID', 'POST', '/api/issues', { body: '"text"', headers: json }],
    [
      'MEDIA_TYPE_UNSUPPORTED',
      'POST',
      '/api/issues',
      { body: '{"title":"x"}', headers: { 'content-type': 'text/plain' } },
    ],
    ['INPUT_INVALID', 'POST', '/api/issues', { body: { title: 7 } }],
    ['INPUT_INVALID', 'POST', '/api/issues', { body: { title: 'nul \0' } }],
    ['INPUT_INVALID', 'POST', '/api/issues', { body: { issue_id: '../../etc', title: 'x' } }],
    ['INPUT_INVALID', 'POST', '/api/issues', { body: { issue_id: megabyte, title: 'x' } }],
    [
      'INPUT_INVALID',
      'POST',
      '/api/results',
      { body: { ...good, agent_type: 'python-specialist', result: { status: 'splendid' } } },
    ],
    ['INPUT_INVALID', 'POST', '/api/results', { body: { ...good, agent_type: 'python-specialist', result: 'done' } }],
    ['INPUT_INVALID', 'POST', '/api/events/x', { body: { topic: 'implementation', data: 'text' } }],
    ['INPUT_INVALID', 'POST', '/api/events/x', { body: { topic: 'implementation', ttl_seconds: 0 } }],
    ['EVENT_TYPE_MISMATCH', 'POST', '/api/events/x', { body: { event_type: 'y', topic: 'implementation' } }],
    ['TIMESTAMP_OUT_OF_RANGE', 'POST', '/api/events/x', { body: { topic: 'a', timestamp: '2020-01-01T00:00:00Z' } }],
    ['FILTER_INVALID', 'GET', '/api/events/wait/x?filter=oops', {}],
    ['CURSOR_INVALID', 'GET', '/api/events/wait/x?cursor=oops', {}],
    ['CURSOR_EXPIRED', 'GET', '/api/events/wait/x?cursor=otherone.5', {}],
    ['CURSOR_INVALID', 'GET', '/api/issues?cursor=oops', {}],
    ['INPUT_INVALID', 'GET', '/api/events/wait/x?timeout=soon', {}],
    ['INPUT_INVALID', 'GET', '/api/events/wait/x?timeout=120001', {}],
    ['INPUT_INVALID', 'GET', '/api/results?limit=0', {}],
    ['INPUT_INVALID', 'GET', '/api/issues/%E0%A4%A', {}],
    ['HOST_FORBIDDEN', 'GET', '/health', { headers: { origin: 'https://evil.example' } }],
  ])('%s: %s %s', async (code, method, path, options) => {
    await refused(code, method, path, options);
  });

  test('a body above the limit', async () => {
    await refused('PAYLOAD_TOO_LARGE', 'POST', '/api/issues', { body: { title: 'x', body: megabyte.repeat(5) } });
  });

  test('an event above its limit', async () => {
    await refused('PAYLOAD_TOO_LARGE', 'POST', '/api/events/x', {
      body: { topic: 'implementation', data: { megabyte } },
    });
  });

  test('data nested too deep, lone surrogates, NUL', async () => {
    const deep = `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`;
    const raw = (data: string): CallOptions => ({ body: `{"topic":"implementation","data":${data}}`, headers: json });
    await refused('INPUT_INVALID', 'POST', '/api/events/x', raw(deep));
    await refused('INPUT_INVALID', 'POST', '/api/events/x', raw('{"a":"\\ud800"}'));
    await refused('INPUT_INVALID', 'POST', '/api/events/x', raw('{"a":["\\u0000"]}'));
    await refused('INPUT_INVALID', 'POST', '/api/events/x', raw('{"\\ud800":1}'));
  });

  test('an id of a megabyte in the path', async () => {
    const text = await sendRaw(`GET /api/issues/${megabyte} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 413 /);
    expect(text).toContain('"code":"PAYLOAD_TOO_LARGE"');
  });

  test('what is not HTTP', async () => {
    const text = await sendRaw('\x16\x03\x01 hello\r\n\r\n');
    expect(text).toContain('"code":"INPUT_INVALID"');
  });

  test('another Host than loopback', async () => {
    const text = await sendRaw('GET /health HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 403 /);
    expect(text).toContain('"code":"HOST_FORBIDDEN"');
  });

  test('a nonce used twice', async () => {
    const send = (): Promise<Answer> =>
      sidecar.call('POST', '/api/events/x', {
        token: python.token,
        body: { topic: 'implementation', nonce: 'nonce-0001' },
      });
    expect((await send()).status).toBe(202);
    expect((await send()).body.code).toBe('NONCE_REUSED');
  });

  test('the same idempotency key with another body', async () => {
    const send = (n: number): Promise<Answer> =>
      sidecar.call('POST', '/api/events/x', {
        token: python.token,
        headers: { 'idempotency-key': 'one-key' },
        body: { topic: 'implementation', data: { n } },
      });
    const first = await send(1);
    expect((await send(1)).body).toEqual(first.body);
    expect((await send(2)).body.code).toBe('IDEMPOTENCY_CONFLICT');
  });
});

test('every REST route refuses an empty call without a token, or answers it when it is public', async () => {
  for (const { access, rest } of procedures) {
    const path = rest.path.replaceAll(/:\w+/g, 'x');
    const answer = await sidecar.call(rest.method, path, {
      token: null,
      ...(rest.method === 'POST' ? { body: {} } : {}),
    });
    expect([rest.path, answer.status]).toEqual([rest.path, access === 'public' ? 200 : 401]);
  }
});

function sendRaw(text: string): Promise<string> {
  const { port } = new URL(sidecar.url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('error', () => resolve(answer));
    socket.on('close', () => resolve(answer));
  });
}
