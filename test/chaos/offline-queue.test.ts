import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bashAgent, eventTypesOf, spawn, statusOf, until } from '../support/agents-under-test.ts';
import { startServer, type ServerUnderTest } from '../support/server-process.ts';

const fixture = resolve(import.meta.dirname, '../fixtures/agents/offline-agent.ts');
const PATIENCE = { timeout: 60_000, interval: 50 };
let server: ServerUnderTest;
beforeAll(async () => {
  server = await startServer();
  await server.call('POST', '/api/issues', { body: { issue_id: 'issue-1', title: 'Work' } });
}, 120_000);
afterAll(async () => {
  await server.call('POST', '/api/agents/stop', { body: {} });
  await server.stop();
}, 60_000);

const sdkAgent = (...args: string[]): object => ({
  kind: 'command',
  program: process.execPath,
  args: ['--conditions=@orchestration-sidecar/source', fixture, ...args],
});
const ticksOf = async (agentId: string): Promise<number[]> => {
  const { body } = await server.call('GET', `/api/events?event_type=tick&filter=publisher:${agentId}&limit=1000`);
  return body.events.map((event: { data: { index: number } }) => event.data.index);
};
const resultsOf = async (agentId: string): Promise<{ result: { summary: string } }[]> => {
  const { body } = await server.call('GET', '/api/results?limit=1000');
  return body.results.filter((result: { agent_id: string }) => result.agent_id === agentId);
};
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** A bash agent that sends twelve events and a result, all but the first event once the file is there. */
const bashSender = (go: string): object =>
  bashAgent(
    server,
    'offline',
    `send() { printf '%s' "$2" | "$SIDECAR_SEND" "$1"; }
send /events/tick "{\\"data\\":{\\"issue_id\\":\\"$ISSUE_ID\\",\\"index\\":0}}"
while [ ! -e '${go}' ]; do sleep 0.05; done
for index in 1 2 3 4 5 6 7 8 9 10 11; do send /events/tick "{\\"data\\":{\\"issue_id\\":\\"$ISSUE_ID\\",\\"index\\":$index}}"; done
send /results "{\\"issue_id\\":\\"$ISSUE_ID\\",\\"result\\":{\\"status\\":\\"success\\",\\"summary\\":\\"done all the same\\"}}"`,
  );

test(
  'what agents hand in while the sidecar is away is delivered in order and once: by the next sidecar for a bash agent ' +
    'that has ended, by itself for one on the SDK, which finds the sidecar on another port',
  { timeout: 120_000 },
  async () => {
    const [gone, back] = [join(server.project, 'gone'), join(server.project, 'back')];
    const [{ body: bash }, { body: sdk }] = await Promise.all([
      spawn(server, bashSender(gone)),
      spawn(server, sdkAgent('6', `2:${gone}`, `4:${back}`)),
    ]);
    await expect.poll(() => ticksOf(bash.agent_id), PATIENCE).toEqual([0]);
    await expect.poll(() => existsSync(`${gone}.reached`), PATIENCE).toBe(true);
    const portBefore = server.port;
    await server.kill();
    writeFileSync(gone, '');

    const outbox = join(server.dataDir, 'agents', bash.agent_id, 'attempt-1', 'outbox');
    const kept = (): string[] =>
      existsSync(outbox) ? readdirSync(outbox).filter((name) => name.endsWith('.request')) : [];
    await expect.poll(kept, PATIENCE).toHaveLength(12);
    await expect.poll(() => existsSync(join(outbox, '../exit')), PATIENCE).toBe(true);
    expect(statSync(outbox).mode & 0o077).toBe(0);
    expect(kept().map((name) => statSync(join(outbox, name)).mode & 0o777)).toEqual(upTo(12).map(() => 0o600));
    await expect.poll(() => existsSync(`${back}.reached`), PATIENCE).toBe(true);

    const squatter = await occupy(portBefore);
    await server.start();
    expect(server.port).not.toBe(portBefore);
    writeFileSync(back, '');
    await Promise.all([until(server, bash.agent_id, 'exited'), until(server, sdk.agent_id, 'exited')]);
    squatter.close();
    expect(await ticksOf(bash.agent_id)).toEqual(upTo(12));
    expect(await resultsOf(bash.agent_id)).toMatchObject([{ result: { summary: 'done all the same' } }]);
    expect(kept()).toEqual([]);
    // Who hears of the end finds the result.
    expect((await eventTypesOf(server, bash.agent_id)).at(-1)).toBe('agent_completed');
    expect(await ticksOf(sdk.agent_id)).toEqual(upTo(6));
    expect(await resultsOf(sdk.agent_id)).toMatchObject([{ result: { summary: 'some queued, 0 left' } }]);
  },
);

test(
  'whenever the server is killed, it takes its port again, and every event of an agent arrives once and in order',
  { timeout: 180_000 },
  async () => {
    const count = 120;
    const { port } = server;
    const { body } = await spawn(server, sdkAgent(String(count)));
    for (const share of [0.1, 0.35, 0.6]) {
      await expect
        .poll(async () => (await ticksOf(body.agent_id)).length, { ...PATIENCE, interval: 5 })
        .toBeGreaterThan(count * share);
      await server.kill();
      await server.start();
      // For agents that know nothing else.
      expect(server.port).toBe(port);
    }
    await expect.poll(async () => (await statusOf(server, body.agent_id)).state, PATIENCE).toBe('exited');
    expect(await ticksOf(body.agent_id)).toEqual(upTo(count));
    expect(await resultsOf(body.agent_id)).toHaveLength(1);
  },
);

function occupy(port: number): Promise<Server> {
  return new Promise((done) => {
    const server: Server = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1', () => done(server));
  });
}
