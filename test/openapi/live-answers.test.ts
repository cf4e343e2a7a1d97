import { ERRORS, procedures, type Procedure } from '@orchestration-sidecar/shared';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { liveInputs, type LiveInput, type LiveInputs } from '../support/live-inputs.ts';
import { startForTest, type Answer, type SidecarUnderTest } from '../support/sidecar-under-test.ts';
import { checker, type Checker } from './checker.ts';

let sidecar: SidecarUnderTest;
let inputs: LiveInputs;
let check: Checker;
let document: Answer['body'];
beforeAll(async () => {
  sidecar = await startForTest();
  inputs = liveInputs(sidecar);
  document = (await sidecar.call('GET', '/openapi.json', { token: null })).body;
  check = checker(document);
});
afterAll(() => sidecar[Symbol.asyncDispose]());

/** The operation as the document describes it. */
const operationOf = ({ rest }: Procedure): Answer['body'] =>
  document.paths[rest.path.replaceAll(/:(\w+)/g, '{$1}')][rest.method.toLowerCase()];

/** Sends an input the way the document says, and nothing else of the contract. */
async function send({ entry, input, token }: LiveInput, over: { token?: string | null } = {}): Promise<Answer> {
  const operation = operationOf(entry);
  const left = new Map(Object.entries(input));
  let path = entry.rest.path.replaceAll(/:(\w+)/g, '{$1}');
  const query = new URLSearchParams();
  for (const parameter of operation.parameters.map(check.resolve)) {
    if (!left.has(parameter.name)) continue;
    const given = left.get(parameter.name);
    const value = typeof given === 'string' ? given : JSON.stringify(given);
    if (parameter.in === 'path') path = path.replace(`{${parameter.name}}`, encodeURIComponent(value));
    if (parameter.in === 'query') query.set(parameter.name, value);
    if (parameter.in !== 'header') left.delete(parameter.name);
  }
  const stop = new AbortController();
  const headers = { ...(operation.requestBody && { 'content-type': 'application/json' }) };
  const sent = over.token === undefined ? (token ?? sidecar.operatorToken) : over.token;
  const response = await fetch(`${sidecar.url}${path}${query.size > 0 ? `?${query.toString()}` : ''}`, {
    method: entry.rest.method,
    headers: { ...headers, ...(sent !== null && { authorization: `Bearer ${sent}` }) },
    signal: stop.signal,
    ...(operation.requestBody && { body: JSON.stringify(Object.fromEntries(left)) }),
  });
  const mediaType = response.headers.get('content-type')?.split(';')[0] ?? '';
  const body = mediaType === 'text/event-stream' ? await firstFrame(response) : await response.text();
  stop.abort();
  return {
    status: response.status,
    headers: response.headers,
    body: mediaType.includes('json') ? JSON.parse(body) : body,
  };
}

async function firstFrame(response: Response): Promise<string> {
  let text = '';
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    if (/^data: .*\n\n/ms.test(text)) break;
  }
  return text;
}

/** What about an answer the document does not say. */
function undescribed(entry: Procedure, answer: Answer): string[] {
  const response = check.resolve(operationOf(entry).responses[answer.status]);
  if (response === undefined) return [`status ${answer.status}: ${JSON.stringify(answer.body)}`];
  const mediaType = answer.headers.get('content-type')?.split(';')[0] ?? '';
  const content = response.content[mediaType];
  if (content === undefined) return [`media type ${mediaType}`];
  if (!answer.headers.has('x-correlation-id')) return ['no x-correlation-id'];
  const item = content.schema['x-item-schema'];
  if (item === undefined) return check.faults(content.schema, answer.body);
  const [, data = ''] = /^data: (.*)$/m.exec(answer.body) ?? [];
  return check.faults(item, JSON.parse(data));
}

describe.each(procedures.map((entry) => [entry.name, entry] as const))('%s', (_name, entry) => {
  test('answers what the document says', async () => {
    const answer = await send(await inputs.of(entry));
    expect(undescribed(entry, answer)).toEqual([]);
    // When a new entry fails here, tell test/support/live-inputs.ts what it needs.
    expect([answer.status, answer.body]).toEqual([entry.rest.status ?? 200, answer.body]);
  });

  test('refuses as the document says: without a token, and what does not fit', async () => {
    const { input } = await inputs.of(entry);
    const wrong = await send({ entry, input: { ...input, ...wrongField(entry) } });
    expect(undescribed(entry, wrong)).toEqual([]);
    if (entry.access === 'public') return;
    const stranger = await send({ entry, input }, { token: null });
    expect(undescribed(entry, stranger)).toEqual([]);
    expect(stranger.status).toBe(ERRORS.UNAUTHENTICATED.http);
  });
});

/** A field that the schema refuses: one too many in a body, else a path parameter of a wrong form. */
function wrongField(entry: Procedure): Record<string, unknown> {
  if (entry.rest.method === 'POST') return { no_such_field: 1 };
  return Object.fromEntries([...entry.rest.path.matchAll(/:(\w+)/g)].map(([, name = '']) => [name, '!']));
}

test('the documents of the sidecar itself answer what the document says', async () => {
  for (const path of ['/openapi.json', '/docs', '/metrics', '/.well-known/jwks.json']) {
    const { status, headers, body } = await sidecar.call('GET', path, { token: null });
    const { content } = document.paths[path].get.responses['200'];
    const [mediaType = ''] = headers.get('content-type')?.split(';') ?? [];
    expect([path, status, Object.keys(content)]).toEqual([path, 200, [mediaType]]);
    expect(check.faults({ ...content[mediaType].schema, additionalProperties: true }, body)).toEqual([]);
  }
});

test('the document and the page name the address that they are asked at', async () => {
  const { port } = new URL(sidecar.url);
  for (const origin of [sidecar.url, `http://localhost:${port}`, sidecar.url]) {
    const answer = await fetch(`${origin}/openapi.json`);
    expect(await answer.json()).toMatchObject({ servers: [{ url: origin }] });
    expect(await (await fetch(`${origin}/docs`)).text()).toContain(`&#39;${origin}/health&#39;`);
  }
});

test.each(['/', '/docs/'])('%s leads to the page', async (path) => {
  const { url, headers } = await fetch(`${sidecar.url}${path}`);
  expect([url, headers.get('content-type')]).toEqual([`${sidecar.url}/docs`, 'text/html; charset=utf-8']);
});

test('HEAD answers what GET does, without the body', async () => {
  const told = async (method: string, path: string) => {
    const authorization = `Bearer ${sidecar.operatorToken}`;
    const ended = new AbortController();
    const { status, headers, body } = await fetch(sidecar.url + path, {
      method,
      headers: { authorization },
      signal: ended.signal,
    });
    const hasBody = body !== null;
    ended.abort();
    return { status, hasBody, type: headers.get('content-type') };
  };
  for (const path of ['/health', '/docs', '/api/issues?limit=1', '/api/issues/nope', '/api/events/stream']) {
    const { status, type } = await told('GET', path);
    expect(await told('HEAD', path)).toEqual({ status, type, hasBody: false });
  }
});
