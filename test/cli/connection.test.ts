import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../support/certificate.ts';
import type { Ended } from './cli-process.ts';
import { Sandbox } from './sandbox.ts';

/** A sidecar that speaks TLS by a private authority on its port, and has a socket file. */
const { certPath, keyPath, caPath } = makeCertificate();
let sandbox: Sandbox;
let url: string;
let socket: string;
let elsewhere: string;
let token: string;

beforeAll(async () => {
  sandbox = new Sandbox();
  socket = join(sandbox.directory, 's.sock');
  url = await sandbox.serve('--tls-cert', certPath, '--tls-key', keyPath, '--tls-ca', caPath, '--socket', socket);
  // Where commands know nothing of it.
  elsewhere = join(sandbox.directory, 'elsewhere');
  mkdirSync(elsewhere);
  token = await sandbox.output('token', 'create', '--agent-type', 'test-engineer');
}, 60_000);
afterAll(() => sandbox[Symbol.asyncDispose]());

function fromElsewhere(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return sandbox.run(['issue', 'list', '--json', ...args], { env: { SIDECAR_DATA_DIR: elsewhere, ...env } });
}

const seen = { code: 0, stdout: expect.stringContaining('"issues"'), stderr: '' };

describe('a sidecar whose certificate a private authority has signed', () => {
  it('is trusted by its own data directory, by --ca-file and by SIDECAR_CA_FILE', async () => {
    expect(url).toMatch(/^https:/);
    const [own, byFlag, byVariable] = await Promise.all([
      sandbox.run(['issue', 'list', '--json']),
      fromElsewhere(['--url', url, '--token', token, '--ca-file', caPath]),
      fromElsewhere([], { SIDECAR_URL: url, SIDECAR_TOKEN: token, SIDECAR_CA_FILE: caPath }),
    ]);
    expect([own, byFlag, byVariable]).toEqual([seen, seen, seen].map((it) => expect.objectContaining(it)));
  });

  it('is not trusted without, and a file that is not there is named', async () => {
    const [without, missing] = await Promise.all([
      fromElsewhere(['--url', url, '--token', token]),
      fromElsewhere(['--url', url, '--token', token, '--ca-file', '/no/such.pem']),
    ]);
    expect(without).toMatchObject({ code: 3, stderr: expect.stringMatching(/certificate[^]*--ca-file/) });
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringMatching(/\/no\/such\.pem[^]*--ca-file/) });
  });
});

describe('a sidecar behind a Unix socket', () => {
  it('is reached by --socket and SIDECAR_SOCKET, also where its port speaks TLS', async () => {
    const [byFlag, byVariable, known] = await Promise.all([
      fromElsewhere(['--socket', socket, '--token', token]),
      fromElsewhere([], { SIDECAR_SOCKET: socket, SIDECAR_TOKEN: token }),
      sandbox.run(['issue', 'list', '--json', '--socket', socket]),
    ]);
    expect([byFlag, byVariable, known]).toEqual([seen, seen, seen].map((it) => expect.objectContaining(it)));
  });

  it('is followed over it', async () => {
    const args = ['events', 'tail', '--all', '--json', '--type', 'over_socket', '--socket', socket];
    await using tail = sandbox.start([...args, '--project', 'shop']);
    await sandbox.output('events', 'publish', 'over_socket', '--project', 'shop', '--socket', socket);
    const [seenType] = await tail.prints(/"over_socket"/);
    expect(seenType).toContain('over_socket');
  });

  it('is said to be gone when nobody listens on the file', async () => {
    const { code, stderr } = await fromElsewhere(['--socket', join(elsewhere, 'none.sock'), '--token', token]);
    expect(code).toBe(3);
    expect(stderr).toContain('--socket');
  });
});
