import { describe, expect, test } from 'vitest';
import { SidecarError } from '@orchestration-sidecar/shared';
import { checkEnding, diligent, ScriptedWorld, type Script } from './scripted-world.ts';

/** Scripts by agent type; the others are diligent. */
const cast =
  (scripts: Readonly<Record<string, Script>>): Script =>
  (agent) =>
    (scripts[agent.type] ?? diligent)(agent);

const architect =
  (...next_agents: string[]): Script =>
  async (agent) => {
    await agent.store({ status: 'success', decisions: ['REST'], next_agents });
    await agent.complete();
  };

const silent: Script = () => {};

const finding = (id: string, suggested_agent = 'python-specialist') => ({ id, message: `fix ${id}`, suggested_agent });

function codingAgents(world: ScriptedWorld): string[] {
  return world.started('i').flatMap((key) => /^implementation\/([^/]+)/.exec(key)?.[1] ?? []);
}

async function opened(script: Script, languages: readonly string[] = []): Promise<ScriptedWorld> {
  const world = new ScriptedWorld({ script, languages });
  await world.engine.start();
  await world.create('i');
  return world;
}

describe('resolving an issue', () => {
  test('goes from the architect to the review as the specification’s flow shows', async () => {
    await using world = await opened(cast({ 'chief-architect': architect('python-specialist', 'go-specialist') }));
    const issue = await world.ended('i');
    expect(issue.status).toBe('resolved');
    expect(issue.progress).toMatchObject({ phase: null, round: 1, reason: 'every phase is complete', waiting_for: [] });
    expect(world.started('i')).toEqual([
      'architecture/chief-architect/1/1',
      'implementation/python-specialist/1/1',
      'implementation/go-specialist/1/1',
      'verification/test-engineer/1/1',
      'verification/security-auditor/1/1',
      'documentation/documentation-expert/1/1',
      'review/code-reviewer/1/1',
    ]);
    expect(world.story('i')).toEqual([
      'issue_created',
      'issue_started',
      ...Array.from({ length: 5 }, () => ['phase_started', 'phase_complete']).flat(),
      'issue_resolved',
    ]);
    const resolved = world.all().find((event) => event.event_type === 'issue_resolved');
    expect(resolved?.data).toMatchObject({
      status: 'resolved',
      counts: { agents: 7, delivered: 7, failed: 0, files_changed: 6 },
      truncated: false,
    });
  });

  test('every decision says why, and on which event it was taken', async () => {
    await using world = await opened(diligent);
    await world.ended('i');
    const known = new Set(world.all().map((event) => event.event_id));
    const own = world
      .all()
      .filter(({ event_type: type }) => /^(phase_|workflow_decision|issue_(started|resolved))/.test(type));
    expect(own.length).toBeGreaterThan(12);
    for (const event of own) {
      expect(event.data['reason']).toEqual(expect.stringMatching(/\w/));
      expect(known).toContain(event.references);
    }
  });

  test('without a choice, the specialists of the project’s languages run', async () => {
    await using world = await opened(diligent, ['go', 'python']);
    await world.ended('i');
    const coding = codingAgents(world).map((agentType) => world.profiles.require(agentType));
    expect(coding.map(({ category }) => category)).toEqual(['coding', 'coding']);
    expect(coding[0]?.languages).toContain('go');
    expect(coding[1]?.languages).toContain('python');
  });

  test('without a specialist, the generalist runs', async () => {
    await using world = await opened(diligent, ['brainfuck']);
    await world.ended('i');
    expect(codingAgents(world)).toEqual(['tdd-coding-agent']);
  });

  test('the architect chooses among coding agents only', async () => {
    const chosen = architect('documentation-expert', 'rust-specialist', 'nobody-at-all', 'rust-specialist');
    await using world = await opened(cast({ 'chief-architect': chosen }));
    await world.ended('i');
    expect(world.started('i').filter((key) => key.startsWith('implementation/'))).toEqual([
      'implementation/rust-specialist/1/1',
    ]);
  });

  test('two issues of one project, and the same id in two others, stay apart', async () => {
    await using world = new ScriptedWorld({ projects: ['p', 'q', 'r'] });
    await world.engine.start();
    const others = ['q', 'r'];
    const created = others.map((project) => world.create('i', 'issue-resolution', project));
    await Promise.all([world.create('i'), world.create('j'), ...created]);
    const ended = await Promise.all([
      world.ended('i'),
      world.ended('j'),
      ...others.map((project) => world.ended('i', project)),
    ]);
    expect(ended.map(({ status }) => status)).toEqual(['resolved', 'resolved', 'resolved', 'resolved']);
    expect(world.agents.size).toBe(24);
    for (const project of others) {
      expect([...world.agents.values()].filter((agent) => agent.project_id === project)).toHaveLength(6);
    }
  });
});

describe('events drive it', () => {
  test.for([
    { who: 'a person', from: 'operator' as const },
    { who: 'the agent itself', from: 'agent' as const },
  ])('architecture_defined from $who starts the next phase', async ({ from }) => {
    const announcing: Script = (agent) =>
      agent.publish('architecture', 'architecture_defined', { next_agents: ['rust-specialist'] });
    await using world = await opened(
      cast({ 'chief-architect': from === 'agent' ? announcing : silent, 'rust-specialist': silent }),
    );
    await world.until(() => world.agents.size === 1);
    if (from === 'operator') {
      await world.tell('architecture', 'architecture_defined', { issue_id: 'i', next_agents: ['rust-specialist'] });
    }
    await world.until(() => world.agents.size === 2);
    expect(world.started('i')).toContain('implementation/rust-specialist/1/1');
  });

  test('a reviewer that announces its work before it hands in loses no finding', async () => {
    const hasty: Script = async (agent) => {
      await agent.publish('security', 'audit_complete', {});
      const findings = agent.key?.endsWith('/1/1') ? [finding('unbounded')] : [];
      await agent.store({ status: 'success', findings });
      await agent.complete();
    };
    const talker: Script = async (agent) => {
      await agent.publish('testing', 'tests_passing', {});
      await agent.complete();
    };
    await using world = await opened(cast({ 'security-auditor': hasty, 'test-engineer': talker }));
    expect(await world.ended('i')).toMatchObject({ status: 'resolved' });
    expect(world.started('i')).toContain('implementation/python-specialist/2/1');
  });

  test('an event of another issue, of another agent type or of an unknown kind starts nothing', async () => {
    await using world = await opened(silent);
    await world.until(() => world.agents.size === 1);
    await world.tell('architecture', 'architecture_defined', { issue_id: 'j' });
    await world.tell('architecture', 'architecture_pondered', { issue_id: 'i' });
    const other = { projectId: 'p', topic: 'custom', eventType: 'architecture_defined', data: { issue_id: 'i' } };
    await world.events.publish({ ...other, publisher: 'rust-specialist-1', publisherType: 'rust-specialist' });
    await world.quiet();
    expect(world.agents.size).toBe(1);
  });

  test('life-cycle events count from the sidecar only, results only from who stored them', async () => {
    await using world = await opened(silent);
    await world.until(() => world.agents.size === 1);
    const [agent] = world.agents.values();
    const publisher = { projectId: 'p', publisher: 'evil-1', publisherType: 'test-engineer' };
    const ended = { issue_id: 'i', agent_id: agent?.agent_id ?? '', agent_type: 'chief-architect' };
    for (const topic of ['coordination', 'testing']) {
      for (const eventType of ['agent_failed', 'agent_completed', 'issue_cancelled', 'workflow_observed']) {
        await world.events.publish({ ...publisher, topic, eventType, data: { ...ended, reason: 'forged' } });
      }
    }
    await world.tell('coordination', 'agent_failed', ended);
    const other = await world.results.store({
      projectId: 'p',
      issueId: 'i',
      agentId: 'chief-architect-9',
      profile: world.profiles.require('test-engineer'),
      body: { status: 'success', ...emptyBody },
      correlationId: 'c',
    });
    await world.events.publish({
      ...publisher,
      publisherType: 'chief-architect',
      topic: 'architecture',
      eventType: 'whatever',
      data: { issue_id: 'i', result_id: other.id },
    });
    await world.quiet();
    expect(world.agents.size).toBe(1);
    expect(world.issues.require('p', 'i')).toMatchObject({ status: 'running', progress: { phase: 'architecture' } });
  });
});

const emptyBody = {
  files_created: [],
  files_modified: [],
  files_deleted: [],
  decisions: [],
  metrics: {},
  artifacts: {},
  errors: [],
  warnings: [],
  findings: [],
  findings_answered: [],
  next_agents: [],
};

describe('hand-over', () => {
  test('a stored result is answered with what the engine then starts', async () => {
    const answers = new Map<string, readonly string[]>();
    const telling: Script = async (agent) => {
      const body = agent.type === 'chief-architect' ? { next_agents: ['go-specialist'] } : {};
      answers.set(agent.key.slice(2), await agent.store({ status: 'success', ...body }));
      await agent.complete();
    };
    await using world = await opened(telling);
    await world.ended('i');
    await world.until(() => answers.size === 6);
    expect(answers.get('architecture/chief-architect/1/1')).toEqual(['go-specialist']);
    expect(answers.get('implementation/go-specialist/1/1')).toEqual(['test-engineer', 'security-auditor']);
    // Whoever of the two is last hands over, also when both results are committed together.
    const last = ['test-engineer', 'security-auditor'].flatMap((type) => answers.get(`verification/${type}/1/1`));
    expect(last).toEqual(['documentation-expert']);
    expect(answers.get('documentation/documentation-expert/1/1')).toEqual(['code-reviewer']);
    expect(answers.get('review/code-reviewer/1/1')).toEqual([]);
  });

  test('where no workflow drives the issue, the profile says who goes on', async () => {
    await using world = new ScriptedWorld();
    await world.engine.start();
    await world.create('h', null);
    const store = (agentType: string, body: object) =>
      world.results.store({
        projectId: 'p',
        issueId: 'h',
        agentId: `${agentType}-1`,
        profile: world.profiles.require(agentType),
        body: { status: 'success', ...emptyBody, ...body },
        correlationId: 'c',
      });
    expect((await store('tdd-coding-agent', {})).next_agents).toEqual(['test-engineer', 'security-auditor']);
    expect((await store('tdd-coding-agent', { status: 'failure' })).next_agents).toEqual(['debugger']);
    expect((await store('test-engineer', { findings: [finding('F')] })).next_agents).toEqual([
      'documentation-expert',
      'tdd-coding-agent',
    ]);
    expect((await store('test-engineer', { next_agents: ['go-specialist', 'nobody'] })).next_agents).toEqual([
      'go-specialist',
    ]);
  });
});

describe('rounds', () => {
  const reviewing =
    (rounds: readonly (readonly string[])[]): Script =>
    async (agent) => {
      const findings = (rounds[agent.round - 1] ?? []).map((id) => finding(id));
      await agent.store({ status: 'success', findings });
      await agent.complete();
    };
  const answering =
    (tasks: string[], files: readonly string[] = ['api.py'], answered = (ids: string[]) => ids): Script =>
    async (agent) => {
      tasks.push(agent.task);
      const asked = [...agent.task.matchAll(/^- (\S+) \[/gm)].flatMap(([, id]) => id ?? []);
      await agent.store({
        status: 'success',
        files_modified: [...files],
        findings_answered: answered(asked).map((id) => ({ id, answer: 'addressed' as const, reason: `did ${id}` })),
      });
      await agent.complete();
    };

  test('findings go back to the suggested agent, with just those, until none is left', async () => {
    const tasks: string[] = [];
    await using world = await opened(
      cast({
        'chief-architect': architect('python-specialist', 'go-specialist'),
        'python-specialist': answering(tasks),
        'security-auditor': reviewing([['S1', 'S2'], ['S2'], []]),
      }),
    );
    expect((await world.ended('i')).status).toBe('resolved');
    expect(world.started('i').filter((key) => /^(implementation|verification)/.test(key))).toEqual([
      'implementation/python-specialist/1/1',
      'implementation/go-specialist/1/1',
      'verification/test-engineer/1/1',
      'verification/security-auditor/1/1',
      'implementation/python-specialist/2/1',
      'verification/test-engineer/2/1',
      'verification/security-auditor/2/1',
      'implementation/python-specialist/3/1',
      'verification/test-engineer/3/1',
      'verification/security-auditor/3/1',
    ]);
    expect(tasks.map((task) => [...task.matchAll(/^- (S\d) \[/gm)].map(([, id]) => id))).toEqual([
      [],
      ['S1', 'S2'],
      ['S2'],
    ]);
    expect(tasks[2]).toContain('before: addressed, did S2');
  });

  test('findings that nobody answered are asked for once more before the review', async () => {
    const tasks: string[] = [];
    await using world = await opened(
      cast({
        'chief-architect': architect('python-specialist'),
        'python-specialist': answering(tasks, ['api.py'], (ids) => ids.slice(0, 1)),
        'test-engineer': reviewing([['T1', 'T2']]),
      }),
    );
    expect((await world.ended('i')).status).toBe('resolved');
    expect(world.started('i')).toContain('implementation/python-specialist/2/2');
    expect(tasks[2]).toMatch(/- T2 \[/);
    expect(tasks[2]).not.toMatch(/- T1 \[/);
  });

  test('what is still open after the last round is escalated with the whole thread', async () => {
    const endless = Array.from({ length: 9 }, (_, round) => ['S1', `N${round}`]);
    await using world = await opened(
      cast({
        'chief-architect': architect('python-specialist'),
        'python-specialist': answering([]),
        'security-auditor': reviewing(endless),
      }),
    );
    const issue = await world.ended('i');
    expect(issue).toMatchObject({
      status: 'failed',
      progress: { reason: '2 findings are open after 3 rounds', open_findings: 2 },
    });
    const escalated = world.all().find((event) => event.event_type === 'agent_escalated');
    expect(escalated?.data['findings']).toMatchObject([
      { id: 'S1', first_round: 1, last_round: 3, answers: [{ round: 2 }, { round: 3 }] },
      { id: 'N2', first_round: 3, answers: [] },
      { id: 'N1', state: 'settled' },
      { id: 'N0', state: 'settled' },
    ]);
  });

  test('a round that changes nothing ends the matter', async () => {
    await using world = await opened(
      cast({
        'chief-architect': architect('python-specialist'),
        'python-specialist': answering([], []),
        'security-auditor': reviewing([['S1'], ['S1'], ['S1']]),
      }),
    );
    expect(await world.ended('i')).toMatchObject({ status: 'failed', progress: { reason: 'round 2 changed nothing' } });
  });

  test.each([
    ['the same tree', () => 'tree', 'round 2 changed nothing'],
    ['other trees', (run: number) => `tree-${run}`, '1 finding is open after 3 rounds'],
  ] as const)(
    'regression: who claims changes is not believed when the checks saw %s',
    async (_what, treeOf, reason) => {
      let runs = 0;
      await using world = new ScriptedWorld({
        script: cast({
          'chief-architect': architect('python-specialist'),
          'python-specialist': answering([]),
          'security-auditor': reviewing([['S1'], ['S1'], ['S1']]),
        }),
        projectChecks: [{ name: 'tests', command: ['true'], timeout_seconds: 60 }],
        check: () => ({ ...checkEnding(0), treeHash: treeOf((runs += 1)) }),
      });
      await world.engine.start();
      await world.create('i');
      expect(await world.ended('i')).toMatchObject({ status: 'failed', progress: { reason } });
    },
  );

  test('a flood of findings stays bounded: in the task, in the state and in every event', async () => {
    const tasks: string[] = [];
    const flood: Script = async (agent) => {
      const findings = Array.from({ length: 1000 }, (_, index) => ({
        ...finding(`F${index}`),
        message: '\u20ac'.repeat(900),
        path: `src/${'x'.repeat(800)}`,
      }));
      await agent.store({ status: 'success', findings });
      await agent.complete();
    };
    await using world = await opened(
      cast({
        'chief-architect': architect('python-specialist'),
        'python-specialist': answering(tasks),
        'test-engineer': flood,
      }),
    );
    const issue = await world.ended('i');
    expect(issue).toMatchObject({ status: 'failed', progress: { open_findings: 200 } });
    expect(Math.max(...tasks.map((task) => task.length))).toBeLessThanOrEqual(60_000);
    const failed = world.all().find((event) => event.event_type === 'issue_failed');
    expect(failed?.data).toMatchObject({ findings_left_out: 2400, counts: { findings: 2600 } });
    const bytes = world.all().map((event) => Buffer.byteLength(JSON.stringify(event)));
    expect(Math.max(...bytes)).toBeLessThan(1024 * 1024);
  });

  test('review_requested and review_addressed do it as well', async () => {
    const auditor: Script = async (agent) => {
      if (agent.round > 1) return diligent(agent);
      const data = {
        findings: ['Missing error handling in api.py'],
        severity: 'medium',
        suggested_agent: 'go-specialist',
      };
      await agent.publish('security', 'review_requested', data);
      await agent.complete();
    };
    const gopher: Script = async (agent) => {
      await agent.publish('implementation', 'review_addressed', { changes: ['Added error handling'] });
      await agent.complete();
    };
    await using world = await opened(
      cast({ 'chief-architect': architect('python-specialist'), 'security-auditor': auditor, 'go-specialist': gopher }),
    );
    expect((await world.ended('i')).status).toBe('resolved');
    expect(world.started('i')).toContain('implementation/go-specialist/2/1');
  });
});

describe('failures', () => {
  test('an agent that ends without a result is tried again, told so, and then fails the issue', async () => {
    const tasks: string[] = [];
    const forgetful: Script = async (agent) => {
      tasks.push(agent.task);
      await agent.complete();
    };
    await using world = await opened(cast({ 'chief-architect': forgetful }));
    const issue = await world.ended('i');
    expect(issue.status).toBe('failed');
    expect(issue.progress?.reason).toMatch(/chief-architect failed in architecture: .*without a stored result/);
    expect(world.started('i')).toEqual(['architecture/chief-architect/1/1', 'architecture/chief-architect/1/2']);
    expect(tasks[1]).toContain('Earlier attempts at this did not hold');
    expect(world.story('i').slice(-2)).toEqual(['agent_escalated', 'issue_failed']);
  });

  test('what the supervisor gave up on is not tried again', async () => {
    await using world = await opened(cast({ 'chief-architect': (agent) => agent.fail('segmentation fault') }));
    expect((await world.ended('i')).progress?.reason).toContain('segmentation fault');
    expect(world.agents.size).toBe(1);
  });

  test('a failing phase that may fail is passed over', async () => {
    await using world = await opened(cast({ 'documentation-expert': (agent) => agent.fail('no words') }));
    expect((await world.ended('i')).status).toBe('resolved');
  });

  test('a failure stops whoever else works on the issue', async () => {
    const failing: Script = async (agent) => {
      await agent.store({ status: 'blocked', errors: ['cannot'] });
      await agent.complete();
    };
    await using world = await opened(cast({ 'test-engineer': silent, 'security-auditor': failing }));
    expect((await world.ended('i')).status).toBe('failed');
    await world.until(() => [...world.agents.values()].every((agent) => agent.ended_at !== null));
    expect(world.stopRequests).toHaveLength(1);
  });

  test('waits for a free slot, and takes a refusal for an answer', async () => {
    const errors = [new SidecarError('AGENT_LIMIT_REACHED'), new SidecarError('AGENT_LIMIT_REACHED')];
    await using world = new ScriptedWorld({});
    world.refuseSpawn = () => errors.shift();
    await world.engine.start();
    await world.create('i');
    for (let turn = 0; turn < 2; turn += 1) {
      await world.quiet();
      world.clock.advance(2000);
    }
    expect((await world.ended('i')).status).toBe('resolved');
    world.refuseSpawn = () => new SidecarError('LAUNCHER_UNAVAILABLE', 'no program of that name');
    await world.create('j');
    expect((await world.ended('j')).progress?.reason).toContain('no program of that name');
  });
});

describe('a restart', () => {
  test('after any commit starts no agent twice and forgets none', async () => {
    let killedIn = 0;
    for (let at = 1; killedIn === at - 1; at += 1) {
      await using world = new ScriptedWorld({
        memory: true,
        script: cast({ 'chief-architect': architect('python-specialist', 'go-specialist') }),
      });
      let seen = 0;
      const stopKilling = world.log.onCommit(() => {
        seen += 1;
        if (seen !== at) return;
        killedIn = at;
        void world.restart();
      });
      await world.engine.start();
      await world.create('i');
      expect((await world.ended('i')).status).toBe('resolved');
      await world.quiet();
      stopKilling();
      expect([...world.starts.values()]).toEqual(Array.from({ length: 7 }, () => 1));
      expect(world.story('i').filter((type) => type === 'phase_complete')).toHaveLength(5);
      expect(world.story('i').filter((type) => type === 'issue_resolved')).toHaveLength(1);
    }
    expect(killedIn).toBeGreaterThan(10);
  });
});
