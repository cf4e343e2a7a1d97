import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from './clock.ts';
import { createSidecarClient, type AgentEnvironment, type SidecarClient, type SidecarClientOptions } from './index.ts';
import { startTestSidecar, until, type TestSidecar } from './test-sidecar.ts';

let sidecar: TestSidecar;
let operator: SidecarClient;
let folder: string;
const opened: SidecarClient[] = [];

beforeAll(async () => {
  sidecar = await startTestSidecar();
  operator = createSidecarClient({ url: sidecar.url, token: sidecar.operatorToken });
  folder = await mkdtemp(join(tmpdir(), 'sdk-agent-'));
}, 90_000);

afterAll(async () => {
  for (const client of [operator, ...opened]) client.close();
  await sidecar.stop();
  await rm(folder, { recursive: true, force: true });
});

/** The environment that the sidecar gives an agent on an issue. */
async function environmentOf(agentType: string, issueId: string): Promise<AgentEnvironment> {
  const issue = { issue_id: issueId, title: 'Add a cart', body: 'People want to buy.' };
  await operator.issues.create(issue).catch(() => undefined);
  const grant = await operator.tokens.create({ agent_type: agentType });
  return {
    AGENT_ID: grant.agent_id,
    AGENT_TYPE: agentType,
    ISSUE_ID: issueId,
    PROJECT_ID: grant.project_id,
    SIDECAR_URL: `${sidecar.url}/api`,
    JWT_TOKEN: grant.token,
  };
}

function clientIn(environment: AgentEnvironment, options: SidecarClientOptions = {}): SidecarClient {
  const client = createSidecarClient({ environment, ...options });
  opened.push(client);
  return client;
}

describe('an agent', () => {
  it('lives its life in ten lines', async () => {
    const environment = await environmentOf('python-specialist', 'life-1');
    const agent = clientIn(environment).agent();
    expect(await agent.task()).toBe('People want to buy.');
    const { context } = await agent.context();
    expect(context.relevant_files.map((file) => file.path)).toContain('README.md');
    const seen = await agent.work(() => agent.heartbeat());
    expect(seen).toMatchObject({ agent_id: agent.agentId, issue_id: null, state: 'external' });
    const published = await agent.publish('cart_done', { lines: 3 }, { topic: 'shop', round: 1 });
    const found = await agent.waitFor('cart_done', { topic: 'shop', round: 1 });
    expect(found).toMatchObject({ event_id: published.event_id, publisher: agent.agentId, round: 1 });
    expect(found.data).toEqual({ issue_id: 'life-1', lines: 3 });
    const stored = await agent.result({ summary: 'A cart.', files_modified: ['README.md'] });
    expect(await operator.results.get({ id: stored.id ?? '' })).toMatchObject({
      agent_id: agent.agentId,
      result: { status: 'success', summary: 'A cart.', files_modified: ['README.md'] },
    });
  });

  it('says why it failed', async () => {
    const agent = clientIn(await environmentOf('python-specialist', 'fail-1')).agent();
    const stored = await agent.fail(new Error('No database'), { warnings: ['slow'] });
    const { result } = await operator.results.get({ id: stored.id ?? '' });
    expect(result).toMatchObject({
      status: 'failure',
      summary: 'No database',
      errors: ['No database'],
      warnings: ['slow'],
    });
  });

  it('reads its task and context from the files it was given', async () => {
    const environment = await environmentOf('python-specialist', 'files-1');
    const known = clientIn(environment).agent();
    const context = await known.context();
    const files = { TASK_FILE: join(folder, 'task.txt'), CONTEXT_FILE: join(folder, 'context.json') };
    await writeFile(files.TASK_FILE, 'Add a cart, please.');
    await writeFile(files.CONTEXT_FILE, JSON.stringify({ ...context, timestamp: '2026-01-01T00:00:00Z' }));
    const agent = clientIn({ ...environment, ...files }).agent();
    expect(await agent.task()).toBe('Add a cart, please.');
    expect((await agent.context()).timestamp).toBe('2026-01-01T00:00:00Z');
    expect((await agent.refreshContext()).timestamp).not.toBe('2026-01-01T00:00:00Z');
    await writeFile(files.CONTEXT_FILE, '{');
    await expect(
      clientIn({ ...environment, ...files })
        .agent()
        .context(),
    ).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  });

  it('hears of its own issue only, and waits for each event once', async () => {
    const agent = clientIn(await environmentOf('python-specialist', 'mine')).agent();
    const other = clientIn(await environmentOf('python-specialist', 'other')).agent();
    await other.publish('reviewed', {}, { topic: 'talk' });
    const mine = await agent.publish('reviewed', {}, { topic: 'talk' });
    const unnamed = await operator.events.publish({ event_type: 'reviewed', topic: 'talk' });
    expect((await agent.waitFor('reviewed')).event_id).toBe(mine.event_id);
    expect((await agent.waitFor('reviewed')).event_id).toBe(unnamed.event_id);
    await expect(agent.waitFor('reviewed', { timeoutMs: 100 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    const controller = new AbortController();
    const waiting = agent.waitFor('reviewed', { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect((await agent.waitFor('reviewed', { cursor: mine.cursor })).event_id).toBe(unnamed.event_id);
  });

  it('says what it was not told', () => {
    const client = clientIn({ AGENT_ID: 'a', AGENT_TYPE: 'b' });
    expect(() => client.agent()).toThrow('ISSUE_ID');
    expect(client.agent({ issueId: 'c' }).issueId).toBe('c');
  });
});

describe('its token', () => {
  it('is refreshed when due, without a break in what it follows', async () => {
    const environment = await environmentOf('python-specialist', 'token-1');
    let aheadMs = 0;
    const clock: Clock = { ...systemClock, nowMs: () => Date.now() + aheadMs };
    const client = clientIn(environment, { clock });
    const sent = client.agent();
    const states: string[] = [];
    const seen: unknown[] = [];
    const subscription = sent.events(
      { eventType: 'beat', cursor: 'latest' },
      { onState: (state) => states.push(state) },
    );
    void (async () => {
      for await (const event of subscription) seen.push(event.data['n']);
    })();
    await subscription.opened();
    await sent.publish('beat', { n: 0 }, { topic: 'talk' });
    aheadMs = 55 * 60_000;
    await sent.publish('beat', { n: 1 }, { topic: 'talk' });
    // By this clock the new token is due as well, so that it may come back more than once before it is looked at.
    await until(() => states.filter((state) => state === 'live').length >= 2);
    aheadMs = 0;
    await sent.publish('beat', { n: 2 }, { topic: 'talk' });
    await until(() => seen.length === 3);
    expect(seen).toEqual([0, 1, 2]);
  });

  it('is kept in JWT_TOKEN_FILE for the agent’s other processes', async () => {
    const { JWT_TOKEN = '', ...environment } = await environmentOf('python-specialist', 'token-2');
    const JWT_TOKEN_FILE = join(folder, 'token');
    await writeFile(JWT_TOKEN_FILE, `${JWT_TOKEN}\n`);
    const clock: Clock = { ...systemClock, nowMs: () => Date.now() + 3_595_000 };
    const client = clientIn({ ...environment, JWT_TOKEN_FILE }, { clock });
    await client.issues.list();
    await until(async () => (await readFile(JWT_TOKEN_FILE, 'utf8')) !== `${JWT_TOKEN}\n`);
    expect((await stat(JWT_TOKEN_FILE)).mode & 0o777).toBe(0o600);
    const later = clientIn({ ...environment, JWT_TOKEN_FILE });
    expect(await later.issues.list()).toHaveProperty('issues');
    expect(await readFile(JWT_TOKEN_FILE, 'utf8')).not.toContain('\n');
  });

  it('of a function is asked again when the sidecar refuses it', async () => {
    const { JWT_TOKEN = '', ...environment } = await environmentOf('python-specialist', 'token-3');
    const tokens = ['nonsense', JWT_TOKEN];
    const token = (): string => (tokens.length > 1 ? tokens.shift() : tokens[0]) ?? '';
    expect(await clientIn(environment, { token }).issues.list()).toHaveProperty('issues');
    const more = ['nonsense', JWT_TOKEN];
    const slower = (): string => (more.length > 1 ? more.shift() : more[0]) ?? '';
    const subscription = clientIn(environment, { token: slower }).events.subscribe();
    await subscription.opened();
    expect(subscription.state).toBe('live');
  });
});
