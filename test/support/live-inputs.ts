import { procedures, type Procedure } from '@orchestration-sidecar/shared';
import { exampleMaker } from '../../packages/server/src/api/openapi/examples.ts';
import { contractSchemas } from '../../packages/server/src/api/openapi/schemas.ts';
import { bashAgent } from './agents-under-test.ts';
import type { Answer, SidecarUnderTest, TestAgent } from './sidecar-under-test.ts';

/** An input that a running sidecar can act on. */
export interface LiveInput {
  readonly entry: Procedure;
  readonly input: Readonly<Record<string, unknown>>;
  /** Left out: the operator’s. */
  readonly token?: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** Makes an input for every procedure: its example, with ids of things that are there. */
export interface LiveInputs {
  /** Makes what the procedure needs, anew for each call. */
  of(entry: Procedure): Promise<LiveInput>;
}

/** @param sidecar - What the inputs are for. */
export function liveInputs(sidecar: SidecarUnderTest): LiveInputs {
  const schemas = contractSchemas(procedures);
  const examples = exampleMaker(schemas.components);
  let made = 0;

  const post = async (path: string, body: object, token?: string): Promise<Answer['body']> => {
    const answer = await sidecar.call('POST', path, { body, ...(token === undefined ? {} : { token }) });
    if (answer.status >= 300) throw new Error(`POST ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const issue = (): Promise<string> => sidecar.createIssue(`live-${++made}`);
  /** An issue that a workflow drives, for as long as its first agent is still to be started. */
  const running = async (): Promise<string> => {
    const { body } = await sidecar.call('GET', '/api/workflows');
    const issue_id = `live-${++made}`;
    await post('/api/issues', { issue_id, title: 'Running', workflow: body.workflows[0].name });
    return issue_id;
  };
  const paused = async (): Promise<string> => {
    const issue_id = await running();
    await post(`/api/issues/${issue_id}/pause`, {});
    return issue_id;
  };
  const agent = (): Promise<TestAgent> => sidecar.mint('python-specialist');
  const result = async (): Promise<string> => {
    const { token } = await agent();
    const { id } = await post('/api/results', { issue_id: await issue(), result: { status: 'success' } }, token);
    return String(id);
  };
  const consumer = async (): Promise<string> => {
    const name = `consumer-${++made}`;
    await post('/api/consumers', { consumer: name, event_type: name, agent_type: 'python-specialist' });
    await post(`/api/events/${name}`, { topic: 'talk' });
    return name;
  };
  const delivered = async (): Promise<Fields> => {
    const name = await consumer();
    const { deliveries } = await post(`/api/consumers/${name}/consume`, {});
    return { consumer: name, leases: deliveries.map(({ lease }: { lease: string }) => lease) };
  };
  const deadLetter = async (): Promise<string> => {
    const { consumer: name, leases } = await delivered();
    await post(`/api/consumers/${String(name)}/nack`, { leases, refuse: true });
    const { body } = await sidecar.call('GET', `/api/dead-letters?consumer=${String(name)}`);
    return body.dead_letters[0].dead_letter_id;
  };
  const spawned = async (): Promise<string> => {
    const { agent_id } = await post('/api/agents/spawn', await spawn());
    return String(agent_id);
  };
  let launcher: object | undefined;
  const spawn = async (): Promise<Fields> => ({
    agent_type: 'python-specialist',
    issue_id: await issue(),
    task: 'Say hello',
    // Written once: the system refuses to write what it is about to run.
    launcher: (launcher ??= bashAgent(sidecar, 'hello', 'echo hello; sleep 5')),
  });

  /** How a field of this name is filled, whatever the procedure. */
  const FIELDS: Readonly<Record<string, () => unknown>> = {
    issue_id: issue,
    agent_type: () => 'python-specialist',
    agent_id: spawned,
    id: result,
    consumer,
    dead_letter_id: deadLetter,
    path: () => 'README.md',
    topic: () => 'talk',
    // The one that is registered: with another, every call would have to say which.
    root: () => sidecar.project,
  };
  /** What a procedure needs besides. */
  const RECIPES: Readonly<Record<string, () => Promise<Fields> | Fields>> = {
    'agents.spawn': spawn,
    'agents.script': () => ({ agent_id: undefined }),
    'consumers.ack': delivered,
    'consumers.nack': delivered,
    'consumers.create': () => ({ consumer: `consumer-${++made}`, event_type: 'anything' }),
    'consumers.consume': () => ({ timeout: 0 }),
    'events.wait': () => ({ timeout: 0 }),
    'events.publishMany': () => ({ events: [{ event_type: 'one', topic: 'talk' }] }),
    'projects.budget': async () => ({
      project_id: (await sidecar.call('GET', '/api/projects')).body.projects[0].project_id,
    }),
    'issues.pause': async () => ({ issue_id: await running() }),
    'issues.resume': async () => ({ issue_id: await paused() }),
    'cleanUp.run': () => ({ dry_run: true }),
    'pins.add': async () => ({ kind: 'result', id: await result() }),
    'pins.remove': async () => ({ kind: 'result', id: await result() }),
    'logs.level': () => ({ level: 'error' }),
    'logs.read': () => ({ tail: 10 }),
    'issues.create': () => ({ issue_id: undefined }),
    'results.store': () => ({ agent_id: undefined, agent_type: undefined }),
  };
  /** Who calls, where it may not be the operator. */
  const CALLERS: Readonly<Record<string, () => Promise<string>>> = {
    'tokens.refresh': async () => (await agent()).token,
    'results.store': async () => (await agent()).token,
  };

  return {
    async of(entry) {
      const example = examples.request(schemas.input(entry));
      const input: Record<string, unknown> = { ...(example as object) };
      for (const [name, make] of Object.entries(FIELDS)) if (name in input) input[name] = await make();
      Object.assign(input, await RECIPES[entry.name]?.());
      for (const [name, value] of Object.entries(input)) if (value === undefined) delete input[name];
      const token = await CALLERS[entry.name]?.();
      return { entry, input, ...(token !== undefined && { token }) };
    },
  };
}
