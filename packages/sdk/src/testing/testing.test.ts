import { afterAll, beforeAll, expect, it } from 'vitest';
import { runScript, startTestSidecar, type TestSidecar } from './index.ts';

let sidecar: TestSidecar;
beforeAll(async () => {
  sidecar = await startTestSidecar({ files: { 'src/cart.py': 'items = []\n' } });
}, 90_000);
afterAll(() => sidecar.stop());

it('a test has a sidecar in its own process, and agents that do what a script says', async () => {
  const coder = await sidecar.agent('python-specialist', 'cart');
  const { context } = await coder.context();
  expect(context.project_structure.files).toContain('src/cart.py');
  const reviewer = await sidecar.agent('code-reviewer', 'cart');
  await Promise.all([
    runScript(coder, [
      { publish: 'cart_done', topic: 'talk', data: { lines: 3 } },
      { waitFor: 'cart_reviewed' },
      { result: { summary: 'A cart.' } },
    ]),
    runScript(reviewer, [
      { waitFor: 'cart_done', filter: 'lines:3' },
      { publish: 'cart_reviewed', topic: 'talk' },
    ]),
  ]);
  const { results } = await sidecar.client.results.list({ issue_id: 'cart' });
  expect(results).toMatchObject([{ agent_id: coder.agentId, result: { status: 'success', summary: 'A cart.' } }]);
});

it('a scripted agent is a real process when it is spawned', async () => {
  await sidecar.agent('python-specialist', 'spawned');
  const launcher = await sidecar.scriptedAgent([
    { publish: 'hello', topic: 'talk' },
    { result: { summary: 'Said hello.' } },
  ]);
  const { agent_id } = await sidecar.client.agents.spawn({
    agent_type: 'python-specialist',
    issue_id: 'spawned',
    task: 'Say hello',
    launcher,
  });
  const about = { event_type: 'agent_completed', filter: `agent_id:${agent_id}` };
  for await (const event of sidecar.client.events.subscribe(about)) {
    expect(event.topic).toBe('coordination');
    break;
  }
  expect((await sidecar.client.events.list({ event_type: 'hello' })).events).toMatchObject([{ publisher: agent_id }]);
});

it('a script stops at the first step that does not come true', async () => {
  const agent = await sidecar.agent('python-specialist', 'late');
  const script = [{ waitFor: 'never', timeoutMs: 50 }, { result: {} }];
  await expect(runScript(agent, script)).rejects.toMatchObject({ code: 'TIMEOUT' });
  expect((await sidecar.client.results.list({ issue_id: 'late' })).results).toEqual([]);
});
