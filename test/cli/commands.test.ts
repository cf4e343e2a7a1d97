import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSidecarClient } from '@orchestration-sidecar/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Sandbox } from './sandbox.ts';

let sandbox: Sandbox;
let url: string;

beforeAll(async () => {
  sandbox = new Sandbox();
  url = await sandbox.serve();
  await sandbox.output(
    'issue',
    'create',
    'The cart loses items',
    '--id',
    'shop-7',
    '--body',
    'When the page is reloaded.',
  );
});
afterAll(() => sandbox[Symbol.asyncDispose]());

describe('projects and tokens', () => {
  it('says to a person in another repository which one is worked on', async () => {
    const cwd = join(sandbox.directory, 'elsewhere');
    mkdirSync(join(cwd, '.git'), { recursive: true });
    const create = ['issue', 'create', 'Here', '--id', 'shop-7'];
    const told = await sandbox.ask(create, { cwd, notesAreTerminal: true });
    expect(told.stderr).toContain(`This is work on ${sandbox.repository}, the only project; \`sidecar project add .\``);
    // A script is told nothing, and whoever stands in the project neither.
    for (const surroundings of [{ cwd }, { cwd: sandbox.repository, notesAreTerminal: true }]) {
      expect((await sandbox.ask(create, surroundings)).stderr).toMatch(/^✗ .*ISSUE_EXISTS/);
    }
  });

  it('registers a directory under an id, and the same one again', async () => {
    const other = join(sandbox.directory, 'other');
    mkdirSync(other);
    // Relative to where the person stands, not to where the sidecar runs.
    const { stdout } = await sandbox.ask(['project', 'add', 'other', '--id', 'second'], { cwd: sandbox.directory });
    expect(stdout).toBe('second\n');
    const again: unknown = JSON.parse(await sandbox.output('project', 'add', other, '--json'));
    expect(again).toMatchObject({ project_id: 'second', root: other, default: false });
    expect(await sandbox.output('project', 'list')).toMatch(/^second +\/.*\/other$/m);
  });

  it('takes the project that the person stands in, the inner one of two, where several are registered', async () => {
    const inner = join(sandbox.repository, 'src', 'cart');
    await sandbox.output('project', 'add', inner, '--id', 'inner');
    const make = ['token', 'create', '--agent-type', 'rust-pro', '--json'];
    const madeIn = async (cwd: string): Promise<unknown> =>
      JSON.parse((await sandbox.ask(make, { cwd })).stdout).project_id;
    expect(await madeIn(join(sandbox.repository, 'src'))).toBe('shop');
    expect(await madeIn(inner)).toBe('inner');
    expect(await madeIn(join(sandbox.directory, 'other'))).toBe('second');
    // A name that only begins like another one is not inside of it.
    mkdirSync(join(sandbox.directory, 'other-2'));
    const nowhere = await sandbox.ask(make, { cwd: join(sandbox.directory, 'other-2') });
    expect(nowhere).toMatchObject({ code: 4, stderr: expect.stringContaining('PROJECT_REQUIRED') });
  });

  it('prints a token alone, which an agent can use and refresh', async () => {
    const token = await sandbox.output('token', 'create', '--agent-type', 'rust-pro', '--project', 'shop');
    expect(token).toMatch(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/);
    const asAgent = { SIDECAR_TOKEN: token };
    const refused = await sandbox.ask(['token', 'create', '--agent-type', 'rust-pro', '--project', 'shop'], {
      env: asAgent,
    });
    expect(refused.code).toBe(4);
    const refreshed = await sandbox.ask(['token', 'refresh', '--json'], { env: asAgent });
    expect(JSON.parse(refreshed.stdout)).toMatchObject({ agent_type: 'rust-pro', project_id: 'shop' });
  });
});

describe('what ends many at once', () => {
  it('says that nothing ended where nothing did', async () => {
    expect(await sandbox.output('token', 'revoke', '--id', 'nope')).toMatch(/^No token ended/);
    const stopped = await sandbox.ask(['agents', 'stop-all', '--all', '--project', 'shop']);
    expect(stopped).toEqual({ code: 0, stdout: '', stderr: 'No agent was alive.\n' });
  });
});

describe('issues', () => {
  it('shows, lists and creates them', async () => {
    expect(await sandbox.output('issue', 'show', 'shop-7')).toMatch(/^status +open$/m);
    const listed: unknown = JSON.parse(
      await sandbox.output('issue', 'list', '--project', 'shop', '--status', 'open', '--json'),
    );
    expect(listed).toMatchObject({ issues: [{ issue_id: 'shop-7', body: 'When the page is reloaded.' }] });
    const { stdout } = await sandbox.ask(
      ['issue', 'create', 'From a pipe', '--body', '-', '--project', 'shop', '--json'],
      {
        input: 'first line\nsecond line',
      },
    );
    expect(JSON.parse(stdout)).toMatchObject({ title: 'From a pipe', body: 'first line\nsecond line', workflow: null });
  });
});

describe('agents, context and results', () => {
  let grant: { readonly token: string; readonly agent_id: string };

  beforeAll(async () => {
    const args = ['token', 'create', '--agent-type', 'test-engineer', '--project', 'shop', '--json'];
    grant = JSON.parse(await sandbox.output(...args)) as typeof grant;
  });

  it('shows an agent by the end of its id, and prints its launch script without its token', async () => {
    const end = grant.agent_id.slice(-8);
    expect(await sandbox.output('agents', 'list', '--project', 'shop')).toContain(grant.agent_id);
    expect(await sandbox.output('agents', 'status', end, '--project', 'shop')).toMatch(/^state +external$/m);
    const named = [
      'agents',
      'script',
      'test-engineer',
      '--agent',
      grant.agent_id,
      '--issue',
      'shop-7',
      '--program',
      './agent.sh',
    ];
    const script = await sandbox.output(...named);
    expect(script).toContain(`export AGENT_ID='${grant.agent_id}'`);
    expect(script).toContain(`export SIDECAR_URL='${url}/api'`);
    expect(script).not.toContain(grant.token);
  });

  it('shows a context and a file of it', async () => {
    expect(await sandbox.output('context', 'shop-7', 'test-engineer')).toContain('src/cart/cart.ts');
    const file = await sandbox.ask(['context', 'shop-7', 'test-engineer', '--file', 'src/cart/cart.ts']);
    expect(file.stdout).toBe(readFileSync(join(sandbox.repository, 'src', 'cart', 'cart.ts'), 'utf8'));
  });

  it('hands in a result as the agent whose surroundings it runs in, and shows it without what a terminal acts on', async () => {
    const asAgent = { AGENT_ID: grant.agent_id, JWT_TOKEN: grant.token, SIDECAR_URL: `${url}/api` };
    const body = JSON.stringify({ status: 'success', summary: '\u001b[31mred\u001b[0m' });
    const stored = await sandbox.ask(['results', 'store', 'shop-7', '-'], { env: asAgent, input: body });
    expect(stored).toMatchObject({ code: 0, stderr: '' });
    const id = stored.stdout.trim();
    const listed = await sandbox.output('results', 'list', '--issue', 'shop-7', '--project', 'shop', '--json');
    expect(JSON.parse(listed)).toMatchObject({ results: [{ id, agent_id: grant.agent_id }] });
    const shown = await sandbox.output('results', 'show', id, '--project', 'shop');
    expect(shown).toMatch(/^status +success$/m);
    expect(shown).not.toContain('\u001b');
  });

  it('lists every fault of a result before anything is sent', async () => {
    const { code, stderr } = await sandbox.ask(['results', 'store', 'shop-7', '-'], {
      input: '{"status":"fine","errors":7}',
    });
    expect(code).toBe(2);
    expect(stderr).toMatch(/- status: .*\n {2}- errors: /);
  });
});

describe('events', () => {
  it('publishes, lists and waits', async () => {
    const id = await sandbox.output(
      'events',
      'publish',
      'release_approved',
      '--issue',
      'shop-7',
      '--data',
      '{"by":"Ada"}',
      '--project',
      'shop',
    );
    const wait = ['events', 'wait', 'release_approved', '--project', 'shop', '--json', '--filter', 'by:Ada'];
    expect(JSON.parse(await sandbox.output(...wait))).toMatchObject({
      events: [{ event_id: id, publisher: 'operator', data: { issue_id: 'shop-7', by: 'Ada' } }],
    });
    expect(await sandbox.output('events', 'list', '--project', 'shop', '--since', '1h')).toMatch(
      /release_approved {2}operator/,
    );
  });

  it('replays what lies between two positions, an event a line, and ends', async () => {
    const client = createSidecarClient({ url, token: sandbox.operatorToken });
    const cursors: string[] = [];
    for (const n of [1, 2, 3, 4]) {
      const draft = { event_type: 'replayed', project_id: 'shop', data: { n } };
      cursors.push((await client.events.publish(draft)).cursor);
    }
    client.close();
    const [first = '', second, third = ''] = cursors;
    const args = ['--type', 'replayed', '--cursor', first, '--until', third, '--project', 'shop', '--json'];
    const lines = (await sandbox.output('events', 'replay', ...args)).split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { cursor: string }).cursor)).toEqual([second, third]);
  });

  it('says when nothing came in time', async () => {
    const { code, stdout, stderr } = await sandbox.ask([
      'events',
      'wait',
      'never',
      '--project',
      'shop',
      '--timeout',
      '0',
    ]);
    expect({ code, stdout }).toEqual({ code: 6, stdout: '' });
    expect(stderr).toMatch(/--cursor \S+/);
  });

  it('follows the log until Ctrl-C, an event a line', async () => {
    await using tail = sandbox.start(['events', 'tail', '--project', 'shop', '--all', '--json']);
    await tail.prints(/"issue_created"/);
    await sandbox.output('events', 'publish', 'told_live', '--project', 'shop');
    await tail.prints(/"told_live"/);
    const { code, stdout } = await tail.stop('SIGINT');
    expect(code).toBe(0);
    const types = stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { event_type: string }).event_type);
    expect(types.at(0)).toBe('issue_created');
    expect(types.at(-1)).toBe('told_live');
  });
});

describe('consumers and dead letters', () => {
  it('lists none where there are none', async () => {
    expect(await sandbox.output('consumers', 'list', '--project', 'shop', '--json')).toContain('"consumers": []');
    expect(await sandbox.output('dead-letters', 'list', '--project', 'shop')).toBe('No dead letters.');
    expect(await sandbox.output('audit', 'list', '--action', 'nope')).toBe('No records.');
    expect((await sandbox.ask(['dead-letters', 'drop', 'nope', '--project', 'shop'])).code).toBe(4);
  });

  it('shows what was refused, gives it back and forgets it, as the SDK does', async () => {
    const client = createSidecarClient({ url, token: sandbox.operatorToken });
    const of = { consumer: 'refusers', project_id: 'shop' };
    const { project_id } = of;
    await client.consumers.create({ ...of, event_type: 'unwanted' });
    for (const n of [1, 2]) await client.events.publish({ event_type: 'unwanted', project_id, data: { n } });
    const refuse = async (limit: number): Promise<unknown[]> => {
      const { deliveries } = await client.consumers.consume({ ...of, limit });
      const leases = deliveries.map(({ lease }) => lease);
      await client.consumers.nack({ ...of, leases, refuse: true, reason: 'nobody builds this' });
      return deliveries.map(({ event }) => event.data['n']);
    };
    expect(await refuse(2)).toEqual([1, 2]);

    const cli = (...args: string[]): Promise<string> => sandbox.output('dead-letters', ...args, '--project', 'shop');
    expect(await cli('list', '--reason', 'refused')).toMatch(/refusers +unwanted +refused/);
    const { dead_letters: letters } = await client.deadLetters.list(of);
    const [one, two] = letters.map(({ dead_letter_id: id }) => id);
    if (one === undefined || two === undefined) throw new RangeError('two events were refused');
    expect(await cli('show', one)).toContain('refused: nobody builds this');
    expect(await client.deadLetters.get({ dead_letter_id: one, project_id })).toMatchObject({
      history: [{ delivery: 1 }],
    });

    expect(await cli('redrive', one)).toContain('is given to refusers again');
    expect(await client.deadLetters.redrive({ dead_letter_id: two, project_id })).toMatchObject({ redriven: true });
    expect(new Set(await refuse(2))).toEqual(new Set([1, 2]));

    const again = (await client.deadLetters.list(of)).dead_letters.map(({ dead_letter_id: id }) => id);
    expect(await cli('drop', again[0] ?? '')).toContain('is forgotten');
    expect(await client.deadLetters.drop({ dead_letter_id: again[1] ?? '', project_id })).toEqual({ dropped: true });
    expect(await cli('list')).toBe('No dead letters.');
    await client.consumers.delete(of);
    client.close();
  });
});

describe('profiles and workflows', () => {
  it('shows the agent types', async () => {
    const { profiles } = JSON.parse(await sandbox.output('profiles', 'list', '--json')) as { profiles: unknown[] };
    expect(profiles).toHaveLength(119);
    expect(await sandbox.output('profiles', 'show', 'rust-pro')).toMatch(/^category +coding/m);
    const matrix = await sandbox.output('profiles', 'matrix', '--category', 'architecture');
    expect(matrix).toMatch(/^chief-architect +architecture +rwps/m);
  });

  it('shows the workflows', async () => {
    expect(await sandbox.output('workflow', 'list')).toMatch(/^issue-resolution /m);
    const graph = ['workflow', 'graph', 'issue-resolution'];
    expect(await sandbox.output(...graph, '--format', 'text')).toContain('● architecture');
    const chart = await sandbox.output(...graph);
    expect(chart).toMatch(/^flowchart TD/);
  });

  it('names what is wrong with files of one’s own, without a sidecar', async () => {
    const own = join(sandbox.directory, 'own');
    mkdirSync(join(own, 'agents'), { recursive: true });
    mkdirSync(join(own, 'workflows'));
    writeFileSync(join(own, 'agents', 'rust-pro.json'), '{ "permissions": ["spawn_agents"] }');
    writeFileSync(join(own, 'workflows', 'broken.json'), '{');
    const env = { SIDECAR_DATA_DIR: join(sandbox.directory, 'nothing') };
    const profiles = await sandbox.ask(['profiles', 'validate', own], { env });
    expect(profiles).toMatchObject({ code: 1, stderr: expect.stringContaining('1 problem found in the profiles.') });
    expect(profiles.stdout).toMatch(/rust-pro\.json: permissions: 'spawn_agents' is not for coding agents/);
    const workflows = await sandbox.ask(['workflow', 'validate', own, '--json'], { env });
    expect(workflows.code).toBe(1);
    expect(JSON.parse(workflows.stdout)).toMatchObject({
      problems: [{ file: expect.stringMatching(/broken\.json$/) }],
    });
    expect((await sandbox.ask(['profiles', 'validate'], { env })).code).toBe(0);
    // What `serve` would take from the repository is looked at without being named.
    mkdirSync(join(own, '.git'));
    mkdirSync(join(own, '.sidecar'));
    cpSync(join(own, 'agents'), join(own, '.sidecar', 'profiles', 'agents'), { recursive: true });
    expect(await sandbox.ask(['profiles', 'validate'], { env, cwd: own })).toMatchObject({ code: 1 });
  });
});

describe('status', () => {
  it('says how everything stands', async () => {
    expect(JSON.parse(await sandbox.output('health', '--json'))).toMatchObject({ status: 'healthy' });
    const board = await sandbox.output('status');
    expect(board).toContain(url);
    expect(board).toContain('nothing needs you');
    expect(JSON.parse(await sandbox.output('status', '--json'))).toMatchObject({
      health: {},
      status: {},
      issues: [],
      needs: [],
    });
  });

  it('shows to whoever has no token what is public, and says why not more', async () => {
    const elsewhere = { SIDECAR_URL: url, SIDECAR_DATA_DIR: '/nowhere' };
    const { code, stdout } = await sandbox.ask(['status'], { env: elsewhere });
    expect(code).toBe(0);
    expect(stdout).toContain('Issues and agents are not shown');
  });
});

describe('failures', () => {
  it('says what happened, what to do next and the correlation id', async () => {
    const { code, stdout, stderr } = await sandbox.ask(['issue', 'show', 'shop-8']);
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
    expect(stderr).toMatch(
      /^✗ There is no issue shop-8\. \(ISSUE_NOT_FOUND\)\n {2}`sidecar issue list` .*\n {2}correlation id \S+\n$/,
    );
  });

  it('names what cannot be used as the command line does', async () => {
    const number = await sandbox.ask(['issue', 'list', '--project', 'shop', '--limit', '1001']);
    expect(number).toMatchObject({ code: 2, stderr: expect.stringMatching(/^✗ --limit: .*1000\n/) });
    const argument = await sandbox.ask(['issue', 'show', 'a b', '--project', 'c d']);
    expect(argument.code).toBe(2);
    expect(argument.stderr).toMatch(/ {2}- <issue>: .*\n {2}- --project: /);
    const text = await sandbox.ask(['events', 'list', '--project', 'shop', '--filter', '!']);
    expect(text).toMatchObject({ code: 2, stderr: expect.stringContaining('The filter broke at character 1') });
  });

  it.each([
    { what: 'no sidecar is known', env: { SIDECAR_DATA_DIR: '/nowhere' }, args: ['issue', 'list'], code: 3 },
    { what: 'nobody listens', env: { SIDECAR_URL: 'http://127.0.0.1:9' }, args: ['issue', 'list'], code: 3 },
    { what: 'several projects are meant', env: {}, args: ['issue', 'list'], code: 4 },
    { what: 'an argument is missing', env: {}, args: ['issue', 'create'], code: 2 },
    { what: 'a text says nothing', env: {}, args: ['run', ' '], code: 2 },
    { what: 'a URL is none', env: { SIDECAR_URL: 'shop:80' }, args: ['status'], code: 2 },
    { what: 'nothing says which tokens end', env: {}, args: ['token', 'revoke'], code: 2 },
    { what: 'nothing says which agents stop', env: {}, args: ['agents', 'stop-all', '--project', 'shop'], code: 2 },
    { what: 'a choice is none', env: {}, args: ['issue', 'list', '--status', 'lost'], code: 2 },
    { what: 'a number is none', env: {}, args: ['issue', 'list', '--limit', 'all'], code: 2 },
    { what: 'a token is given for its file', env: {}, args: ['token', 'inspect', 'eyJhbGciOi.canary.x'], code: 2 },
    { what: 'a backup is none', env: {}, args: ['backup', 'verify', '/nowhere'], code: 1 },
    { what: 'there is no such command', env: {}, args: ['isue'], code: 2 },
  ])('exits with $code when $what', async ({ env, args, code }) => {
    const ended = await sandbox.ask(args, { env });
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code, stdout: '' });
    expect(ended.stderr).toMatch(/^✗ .+\n.+/);
    expect(ended.stderr).not.toContain('canary');
    expect(ended.stderr).not.toMatch(/[^\P{Control}\n]| {4}at /u);
  });
});
