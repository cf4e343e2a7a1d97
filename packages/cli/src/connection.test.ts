import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findSidecar } from './connection.ts';

const WRITTEN = 'http://127.0.0.1:4001';
let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sidecar-connection-'));
  writeFileSync(join(dataDir, 'sidecar.json'), JSON.stringify({ url: WRITTEN }));
  writeFileSync(join(dataDir, 'operator.token'), 'operator-secret\n');
});
afterEach(() => rmSync(dataDir, { recursive: true }));

async function find(options: { url?: string; token?: string }, environment: Record<string, string> = {}) {
  const { url, token } = await findSidecar({ dataDir, ...options }, { environment, cwd: '/' });
  return { url, token };
}

describe('findSidecar', () => {
  it('reads what the sidecar of the data directory wrote', async () => {
    expect(await find({})).toEqual({ url: WRITTEN, token: 'operator-secret' });
    const environment = { SIDECAR_DATA_DIR: dataDir };
    expect((await findSidecar({}, { environment, cwd: '/' })).url).toBe(WRITTEN);
  });

  it('prefers options to the environment and that to the data directory', async () => {
    const environment = { SIDECAR_URL: 'http://127.0.0.1:2', SIDECAR_TOKEN: 'from-environment' };
    expect(await find({}, environment)).toEqual({ url: 'http://127.0.0.1:2', token: 'from-environment' });
    expect(await find({ url: 'http://127.0.0.1:3', token: 'given' }, environment)).toEqual({
      url: 'http://127.0.0.1:3',
      token: 'given',
    });
  });

  it('is an agent inside of one, and takes no JWT_TOKEN for its own elsewhere', async () => {
    expect((await find({}, { AGENT_ID: 'rust-pro-1', JWT_TOKEN: 'agent' })).token).toBe('agent');
    expect((await find({}, { JWT_TOKEN: 'somebody-else' })).token).toBe('operator-secret');
  });

  it.each([
    ['http://localhost:3001', 'operator-secret'],
    ['http://[::1]:3001', 'operator-secret'],
    ['http://127.0.0.1.example.org', undefined],
    ['https://sidecar.example.org', undefined],
  ])('shows the operator’s token to its own machine only: %s', async (url, token) => {
    expect((await find({ url })).token).toBe(token);
  });

  it('refuses an address that is none, by the name of what told it', async () => {
    await expect(find({ url: 'not a url' })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/^--url: /),
    });
    await expect(find({}, { SIDECAR_URL: 'ftp://x' })).rejects.toMatchObject({
      message: expect.stringMatching(/^SIDECAR_URL: /),
    });
  });

  it('goes through the socket that is named, which the data directory need not know', async () => {
    const at = async (options: object, environment: Record<string, string> = {}) => {
      const { url, socketPath, token } = await findSidecar({ dataDir, ...options }, { environment, cwd: '/' });
      return { url, socketPath, token };
    };
    const found = { url: WRITTEN, socketPath: '/s.sock', token: 'operator-secret' };
    expect(await at({ socket: '/s.sock' })).toEqual(found);
    expect(await at({}, { SIDECAR_SOCKET: '/s.sock' })).toEqual(found);
    expect(await at({ url: 'http://localhost:2' }, { SIDECAR_SOCKET: '/s.sock' })).toMatchObject({
      url: 'http://localhost:2',
      socketPath: undefined,
    });
    rmSync(join(dataDir, 'sidecar.json'));
    expect(await at({ socket: '/s.sock' })).toEqual({ ...found, url: 'http://localhost' });
  });

  it('refuses certificates that cannot be read, instead of trusting without them', async () => {
    const connecting = findSidecar(
      { dataDir, url: 'https://127.0.0.1:2', caFile: '/nowhere.pem' },
      { environment: {}, cwd: '/' },
    );
    await expect(connecting).rejects.toThrow(expect.objectContaining({ exitCode: 2 }));
    // Where nothing is encrypted nobody asks for them.
    expect((await findSidecar({ dataDir, caFile: '/nowhere.pem' }, { environment: {}, cwd: '/' })).ca).toBeUndefined();
  });

  it('says what to do when no sidecar is known, also by a damaged file', async () => {
    for (const text of ['', '{', '[]', '{"url":7}']) {
      writeFileSync(join(dataDir, 'sidecar.json'), text);
      await expect(find({})).rejects.toThrow(
        expect.objectContaining({ exitCode: 3, recovery: expect.stringContaining('sidecar serve') }),
      );
    }
  });
});
