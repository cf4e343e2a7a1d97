import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bashAgent, spawn, until } from '../support/agents-under-test.ts';
import { startForTest, type SidecarUnderTest, type TestAgent } from '../support/sidecar-under-test.ts';

let sidecar: SidecarUnderTest;
/** Holds every permission, in the first project. */
let architect: TestAgent;
let foreign: { agent: TestAgent; resultId: string; eventId: string };

beforeAll(async () => {
  sidecar = await startForTest();
  const root = join(sidecar.dataDir, 'elsewhere');
  mkdirSync(root);
  await sidecar.call('POST', '/api/projects', { body: { project_id: 'foreign-project', root } });
  const projects: { project_id: string }[] = (await sidecar.call('GET', '/api/projects')).body.projects;
  const own = projects.find(({ project_id: id }) => id !== 'foreign-project')?.project_id ?? '';
  architect = await sidecar.mint('chief-architect', own);
  await sidecar.createIssue('own-issue', own);

  await sidecar.createIssue('secret-issue', 'foreign-project');
  const agent = await sidecar.mint('chief-architect', 'foreign-project');
  const as = (method: string, path: string, body: object) => sidecar.call(method, path, { token: agent.token, body });
  const stored = await as('POST', '/api/results', { issue_id: 'secret-issue', result: { decisions: ['secret-word'] } });
  const event = await as('POST', '/api/events/secret_event', { topic: 'architecture', data: { word: 'secret-word' } });
  await as('POST', '/api/consumers', { consumer: 'secret-consumer' });
  foreign = { agent, resultId: stored.body.id, eventId: event.body.event_id };
});
afterAll(() => sidecar[Symbol.asyncDispose]());

/** An answer without what names the request itself. */
async function answerTo(method: string, path: string, id: string, body?: object) {
  const { status, body: answer } = await sidecar.call(method, path.replace('ID', id), {
    token: architect.token,
    ...(body ? { body: JSON.parse(JSON.stringify(body).replaceAll('ID', id)) } : {}),
  });
  const { correlation_id: _, ...problem } = answer;
  return JSON.stringify({ status, problem }).replaceAll(id, 'ID');
}

test.each([
  ['GET', '/api/issues/ID', 'issue'],
  ['GET', '/api/issues/ID/outcome', 'issue'],
  ['POST', '/api/issues/ID/cancel', 'issue', {}],
  ['POST', '/api/issues/ID/pause', 'issue', {}],
  ['GET', '/api/context/ID/chief-architect', 'issue'],
  ['POST', '/api/results', 'issue', { issue_id: 'ID', result: { decisions: ['x'] } }],
  ['POST', '/api/agents/spawn', 'issue', { agent_type: 'python-specialist', issue_id: 'ID', task: 'x' }],
  ['POST', '/api/agents/preflight', 'issue', { agent_type: 'python-specialist', issue_id: 'ID' }],
  ['GET', '/api/agents/script?agent_type=python-specialist&issue_id=ID', 'issue'],
  ['GET', '/api/results/ID', 'result'],
  ['GET', '/api/agents/ID/status', 'agent'],
  ['GET', '/api/agents/ID/logs', 'agent'],
  ['POST', '/api/agents/ID/stop', 'agent', {}],
  ['GET', '/api/agents/script?agent_type=python-specialist&issue_id=own-issue&agent_id=ID', 'agent'],
  ['DELETE', '/api/consumers/ID', 'consumer'],
  ['POST', '/api/consumers/ID/consume', 'consumer', {}],
  ['GET', '/api/issues?project_id=ID', 'project'],
  ['GET', '/api/events?project_id=ID', 'project'],
  ['GET', '/api/results?project_id=ID', 'project'],
  ['GET', '/api/agents?project_id=ID', 'project'],
  ['POST', '/api/agents/stop', 'project', { project_id: 'ID' }],
  ['POST', '/api/events/x', 'project', { project_id: 'ID', topic: 'architecture' }],
] as const)(
  '%s %s: an id of another project answers like an unknown one',
  async (method, path, kind, body?: object) => {
    const ids = {
      issue: 'secret-issue',
      result: foreign.resultId,
      agent: foreign.agent.agentId,
      consumer: 'secret-consumer',
      project: 'foreign-project',
    };
    const known = await answerTo(method, path, ids[kind], body);
    const unknown = await answerTo(method, path, `unknown-${kind}`, body);
    expect(known).toBe(unknown);
    expect(JSON.parse(known).status).toBeGreaterThanOrEqual(400);
  },
);

test('no list, log or stream of one project shows anything of another', async () => {
  const { token } = architect;
  for (const path of [
    '/api/projects',
    '/api/issues',
    '/api/results',
    '/api/events?event_type=*',
    '/api/agents',
    '/api/consumers',
    '/api/dead-letters',
    '/api/events/wait/secret_event?timeout=1',
    '/api/context/own-issue/chief-architect',
  ]) {
    const { status, body } = await sidecar.call('GET', path, { token });
    expect({ path, status }).toEqual({ path, status: 200 });
    for (const word of ['secret', foreign.agent.agentId, foreign.eventId]) {
      expect(JSON.stringify(body), path).not.toContain(word);
    }
  }
});

test('no door shows what an agent of another project writes, however it is asked', async () => {
  const launcher = bashAgent(
    { project: join(sidecar.dataDir, 'elsewhere'), call: (...call) => sidecar.call(...call) },
    'writer',
    'echo secret-line',
  );
  const over = { project_id: 'foreign-project', issue_id: 'secret-issue' };
  const { body } = await spawn(sidecar, launcher, over);
  await until(sidecar, body.agent_id, 'exited');
  const ofOperator = async (): Promise<string> =>
    JSON.stringify((await sidecar.call('GET', '/api/logs?tail=100')).body);
  await expect.poll(ofOperator).toContain('secret-line');
  const { next_cursor: cursor } = (await sidecar.call('GET', '/api/logs?tail=1')).body;
  for (const query of [
    '?tail=100',
    `?tail=100&agent_id=${body.agent_id}`,
    '?tail=100&issue_id=secret-issue',
    '?tail=100&agent_type=python-specialist',
    '?tail=100&project_id=foreign-project',
    `?cursor=${cursor}&wait=1`,
  ]) {
    const { token } = architect;
    const rest = await sidecar.call('GET', `/api/logs${query}`, { token });
    const input = Object.fromEntries(new URLSearchParams(query));
    const json = { ...input, ...('tail' in input && { tail: 100 }), ...('wait' in input && { wait: 1 }) };
    const trpc = await sidecar.call('GET', `/trpc/logs.read?input=${encodeURIComponent(JSON.stringify({ json }))}`, {
      token,
    });
    for (const answer of [rest, trpc]) {
      expect([query, [200, 403, 404].includes(answer.status)]).toEqual([query, true]);
      expect(JSON.stringify(answer.body), query).not.toContain('secret-line');
    }
  }
  const own = await sidecar.call('GET', '/api/logs?tail=100', { token: foreign.agent.token });
  expect(JSON.stringify(own.body)).toContain('secret-line');
});
