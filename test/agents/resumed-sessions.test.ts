import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { spawn, statusOf, until } from '../support/agents-under-test.ts';
import { startServer, type ServerUnderTest } from '../support/server-process.ts';

/** A real server starts twice, and attempts are a second or more apart. */
const PATIENCE_MS = 90_000;
const launcher = { kind: 'claude', program: resolve(import.meta.dirname, '../fixtures/agents/claude') };
/** Where the program keeps its sessions, and finds out how its next runs go. */
const home = mkdtempSync(join(tmpdir(), 'sidecar-sessions-'));
let server: ServerUnderTest;
beforeAll(async () => {
  server = await startServer({ CLAUDE_CONFIG_DIR: home });
  await server.call('POST', '/api/issues', { body: { issue_id: 'issue-1', title: 'Work' } });
}, 120_000);
afterAll(async () => {
  await server.stop();
  rmSync(home, { recursive: true, force: true });
}, 60_000);
beforeEach(() => {
  for (const name of readdirSync(home)) rmSync(join(home, name));
});

const runsWillBe = (...cases: string[]): void => writeFileSync(join(home, 'cases'), cases.join('\n'));

/** What each session was asked, run by run: the longest first, of equally long ones that which was asked less. */
function sessions(): string[][] {
  const files = readdirSync(home).filter((name) => name.endsWith('.jsonl'));
  const asked = (name: string): string[] => readFileSync(join(home, name), 'utf8').trim().split('\n');
  return files
    .map((name) => asked(name).map((line) => JSON.parse(line)))
    .toSorted((a, b) => b.length - a.length || a.join().length - b.join().length);
}

test(
  'a retry goes on with the session of the attempt that failed, and is told why',
  { timeout: PATIENCE_MS },
  async () => {
    runsWillBe('killed', 'api-500', 'success');
    const { body } = await spawn(server, launcher);
    const { attempt, usage } = await until(server, body.agent_id, 'exited', PATIENCE_MS);
    expect(attempt).toBe(3);
    expect(usage).toMatchObject({ cost_usd: 0.025 });
    expect(sessions()).toEqual([
      [
        'Do it',
        expect.stringMatching(/^Do it\n.*attempt 1 \(signal\)/s),
        expect.stringMatching(/^Do it\n.*attempt 1 \(signal\).*attempt 2 \(provider_unavailable\)/s),
      ],
    ]);
  },
);

test('a session that cannot be resumed is followed by a fresh one', { timeout: PATIENCE_MS }, async () => {
  runsWillBe('killed', 'unknown-session', 'success');
  const { body } = await spawn(server, launcher);
  await until(server, body.agent_id, 'exited', PATIENCE_MS);
  expect((await statusOf(server, body.agent_id)).failures).toMatchObject([
    { attempt: 1, reason: 'signal' },
    { attempt: 2, reason: 'not_resumed', detail: expect.stringContaining('No conversation found') },
  ]);
  expect(sessions()).toEqual([['Do it'], [expect.stringContaining('attempt 2 (not_resumed)')]]);
});

test('an agent that failed while the sidecar was away is resumed as well', { timeout: PATIENCE_MS * 2 }, async () => {
  runsWillBe('killed-later', 'success');
  const { body } = await spawn(server, launcher);
  await expect.poll(() => sessions().length, { timeout: 30_000 }).toBe(1);
  await server.kill();
  writeFileSync(join(home, 'go'), '');
  await server.start();
  await until(server, body.agent_id, 'exited', PATIENCE_MS);
  expect(sessions()).toEqual([['Do it', expect.stringContaining('attempt 1')]]);
});
