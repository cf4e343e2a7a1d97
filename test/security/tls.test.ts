import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { connect as connectHttp2, constants, type ClientHttp2Session } from 'node:http2';
import { connect, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { createSidecarClient } from '@orchestration-sidecar/sdk';
import { LIMITS } from '@orchestration-sidecar/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { makeCertificate } from '../support/certificate.ts';
import { runCommand } from '../cli/cli-process.ts';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

const certificate = makeCertificate();
const { ca, certPath, keyPath, caPath } = certificate;
let sidecar: SidecarUnderTest;
beforeAll(async () => {
  sidecar = await startForTest({ tlsCert: certPath, tlsKey: keyPath, tlsCa: caPath });
});
afterAll(() => sidecar[Symbol.asyncDispose]());

async function handshake(options: object): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(sidecar.url).port), ca, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

async function ask(session: ClientHttp2Session, headers: object): Promise<{ status: number; body: string }> {
  const stream = session.request({ ...headers });
  const [answer] = await once(stream, 'response');
  let body = '';
  for await (const chunk of stream.setEncoding('utf8')) body += chunk;
  return { status: answer[':status'], body };
}

test('TLS 1.3 is spoken and nothing older', async () => {
  const socket = await handshake({});
  expect(socket.getProtocol()).toBe('TLSv1.3');
  socket.destroy();
  await expect(handshake({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })).rejects.toThrow(/alert|version/i);
});

test('HTTP/2 for who offers it, HTTP/1.1 for the rest, WebSocket over HTTP/1.1, all on one port', async () => {
  const session = connectHttp2(sidecar.url, { ca });
  expect(await ask(session, { ':path': '/health' })).toMatchObject({ status: 200 });
  expect(JSON.parse((await ask(session, { ':path': '/api/issues' })).body)).toMatchObject({ code: 'UNAUTHENTICATED' });
  const authorization = `Bearer ${sidecar.operatorToken}`;
  expect((await ask(session, { ':path': '/api/issues', authorization })).status).toBe(200);
  session.close();

  const [answer] = await once(get(`${sidecar.url}/health`, { ca }), 'response');
  answer.resume();
  expect([answer.statusCode, answer.httpVersion]).toEqual([200, '1.1']);

  const socket = new WebSocket(`${sidecar.url.replace('https', 'wss')}/trpc`, { ca });
  await once(socket, 'open');
  socket.send('{"id":1,"method":"query","params":{"path":"system.health","input":{"json":{}}}}');
  expect(String((await once(socket, 'message'))[0])).toContain('"status":"healthy"');
  socket.close();
});

test('a body of untold size inside of HTTP/2 is not read from a stranger', async () => {
  const session = connectHttp2(sidecar.url, { ca });
  const headers = { ':method': 'POST', ':path': '/api/events/e', 'content-type': 'application/json' };
  const post = async (authorization?: string) => {
    const stream = session.request({ ...headers, ...(authorization && { authorization }) });
    stream.on('error', () => {});
    stream.write('{"topic":"implementation",');
    if (authorization) stream.end('"data":{}}');
    const [answer] = await once(stream, 'response');
    stream.close();
    return answer[':status'];
  };
  expect(await post()).toBe(401);
  expect(await post(`Bearer ${sidecar.operatorToken}`)).toBe(202);
  session.close();
});

test('bodies inside of HTTP/2 have the bounds that they have in HTTP/1.1, whether their size is told or not', async () => {
  const session = connectHttp2(sidecar.url, { ca });
  const post = async (bytes: number, headers: object): Promise<[status: number, code: string]> => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/api/events/e',
      'content-type': 'application/json',
      authorization: `Bearer ${sidecar.operatorToken}`,
      ...headers,
    });
    // What is not read any more may be reset under the writer.
    stream.on('error', () => {});
    stream.end(Buffer.alloc(bytes, ' '));
    const [answer] = await once(stream, 'response');
    let body = '';
    for await (const chunk of stream.setEncoding('utf8')) body += chunk;
    return [answer[':status'], JSON.parse(body).code];
  };
  const tooMuch = LIMITS.maxBodyBytes + 1;
  expect(await post(tooMuch, { 'content-length': tooMuch })).toEqual([413, 'PAYLOAD_TOO_LARGE']);
  expect(await post(tooMuch, {})).toEqual([413, 'PAYLOAD_TOO_LARGE']);
  expect(await post(tooMuch, { authorization: 'Bearer nobody' })).toEqual([401, 'TOKEN_INVALID']);
  // As large as may be is read whole, and is no JSON.
  expect(await post(LIMITS.maxBodyBytes, {})).toEqual([400, 'JSON_INVALID']);
  // The connection is none the worse for it.
  expect((await ask(session, { ':path': '/health' })).status).toBe(200);
  session.close();
});

test('another authority or Host inside of HTTP/2 is refused', async () => {
  const session = connectHttp2(sidecar.url, { ca });
  for (const headers of [{ ':authority': 'evil.example' }, { origin: 'https://evil.example' }]) {
    const { status, body } = await ask(session, { ':path': '/health', ...headers });
    expect([status, JSON.parse(body).code]).toEqual([403, 'HOST_FORBIDDEN']);
  }
  session.close();
});

test('the SDK and curl trust the certificate that they are given, and none that they are not', async () => {
  const client = createSidecarClient({ url: sidecar.url, token: sidecar.operatorToken, ca, environment: {} });
  expect((await client.system.health()).status).toBe('healthy');
  expect((await client.projects.list()).projects).toHaveLength(1);
  const subscription = client.events.subscribe({});
  await subscription.opened();
  subscription.close();
  client.close();
  const byFile = createSidecarClient({ url: sidecar.url, environment: { SIDECAR_CA_FILE: caPath } });
  expect((await byFile.system.health()).status).toBe('healthy');
  byFile.close();
  const trusting = createSidecarClient({ url: sidecar.url, environment: {}, maxAttempts: 1 });
  await expect(trusting.system.health()).rejects.toMatchObject({ code: 'UNREACHABLE' });
  trusting.close();
  const url = ['--url', sidecar.url, '--json'];
  expect(await runCommand(['health', ...url, '--ca-file', caPath])).toMatchObject({ code: 0 });
  expect(await runCommand(['health', ...url])).toMatchObject({ code: 3 });
  const curl = await promisify(execFile)('curl', ['-sS', '--fail', '--cacert', caPath, `${sidecar.url}/health`]);
  expect(curl.stdout).toContain('healthy');
});

test('streams that are opened and reset at once end the connection, and nobody else notices (CVE-2023-44487)', async () => {
  const attacker = connectHttp2(sidecar.url, { ca });
  // Not `once` of node:events, which would take the error that ends it for a failure.
  const gone = new Promise<void>((resolve) => attacker.once('close', resolve));
  attacker.on('error', () => {});
  let opened = 0;
  while (!attacker.destroyed && !attacker.closed && opened < 20_000) {
    for (let n = 0; n < 100 && !attacker.destroyed && !attacker.closed; n += 1, opened += 1) {
      const stream = attacker.request({ ':path': '/health' });
      stream.on('error', () => {});
      stream.close(constants.NGHTTP2_CANCEL);
    }
    await new Promise(setImmediate);
  }
  await gone;
  expect(opened).toBeLessThan(20_000);
  const other = connectHttp2(sidecar.url, { ca });
  expect(await ask(other, { ':path': '/health' })).toMatchObject({ status: 200 });
  other.close();
});

test('a certificate that changes is used from the next handshake on, and open connections go on', async () => {
  const session = connectHttp2(sidecar.url, { ca });
  await ask(session, { ':path': '/health' });
  const fingerprint = async (): Promise<string> => {
    const socket = await handshake({});
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  };
  const before = await fingerprint();
  const next = certificate.again();
  const replace = (path: string, text: string): void => {
    writeFileSync(`${path}.next`, text);
    renameSync(`${path}.next`, path);
  };
  replace(certPath, next.cert);
  replace(keyPath, next.key);
  await expect.poll(fingerprint).not.toBe(before);
  expect(await ask(session, { ':path': '/health' })).toMatchObject({ status: 200 });
  session.close();
  // What cannot be used changes nothing.
  const inUse = await fingerprint();
  replace(certPath, 'no certificate');
  expect(await fingerprint()).toBe(inUse);
});
