import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { runInProcess } from './command-in-process.ts';

// Each takes a second, all together one.
vi.setConfig({ maxConcurrency: 100 });

const held = new Map<string, ServerResponse>();
/** Somebody who answers a caller when told to, and not before. */
const slow = createServer((request, response) => held.set(request.headers.authorization ?? '', response));
let url: string;

beforeAll(async () => {
  slow.listen(0, '127.0.0.1');
  await once(slow, 'listening');
  const address = slow.address();
  url = typeof address === 'object' && address ? `http://127.0.0.1:${address.port}` : '';
});
afterAll(() => slow.close());

it.concurrent.each([
  ['agents list'],
  [`agents logs rust-pro-${crypto.randomUUID()}`],
  ['audit list'],
  ['clean-up --dry-run'],
  ['consumers list'],
  ['context shop-7 rust-pro'],
  ['dead-letters list'],
  ['events list'],
  ['events replay'],
  ['events wait done'],
  ['health'],
  ['issue list'],
  ['issue show shop-7'],
  ['logs level debug'],
  ['logs show'],
  ['mirror verify'],
  ['pins list'],
  ['profiles list'],
  ['project list'],
  ['results list'],
  ['spawn rust-pro --issue shop-7 --task Work'],
  ['status'],
  ['token refresh'],
  ['workflow list'],
])('sidecar %s says what it waits for as soon as that takes more than a second', async (line) => {
  const token = `token-of-${line.replaceAll(/[^a-z]/g, '-')}`;
  const { stderr } = await runInProcess([...line.split(' '), '--url', url, '--token', token], {
    // In an agent, so that no project is asked for first.
    env: { AGENT_ID: 'rust-pro-1' },
    notesAreTerminal: true,
    onNote: (text) => {
      if (text.includes('… 1 s')) held.get(`Bearer ${token}`)?.writeHead(404).end('nobody here');
    },
  });
  expect(stderr).toMatch(/\S … 1 s/);
});
