import { describe, expect, test } from 'vitest';
import { SidecarError, Workflow, type Phase, type WorkflowLimits } from '@orchestration-sidecar/shared';
import type { z } from 'zod';
import { checkEnding, diligent, ScriptedWorld, type Script, type WorldOptions } from './scripted-world.ts';

const silent: Script = () => {};
const limits = { max_spawns: 20, max_wall_seconds: 3600 };

/** A workflow of phases that each run one agent type, unless a phase says otherwise. */
function workflowOf(
  phases: readonly (Partial<z.input<typeof Phase>> & { name: string })[],
  over: Partial<z.input<typeof WorkflowLimits>> = {},
): Workflow {
  return Workflow.parse({
    name: 'w',
    description: 'a test',
    phases: phases.map((phase) => ({ run: { by: 'agents', agents: ['tdd-coding-agent'] }, task: 'work', ...phase })),
    limits: { ...limits, ...over },
  });
}

async function opened(workflow: Workflow, options: WorldOptions = {}): Promise<ScriptedWorld> {
  const world = new ScriptedWorld({ memory: true, workflows: [workflow], ...options });
  await world.engine.start();
  await world.create('i', 'w');
  return world;
}

async function passTime(world: ScriptedWorld, stepsMs: readonly number[]): Promise<void> {
  for (const ms of stepsMs) {
    await world.quiet();
    world.clock.advance(ms);
  }
}

const decisions = (world: ScriptedWorld): unknown[] =>
  world.all().flatMap(({ event_type: type, data }) => (type === 'workflow_decision' ? [data['decision']] : []));

describe('a person steers', () => {
  test('cancelling stops every agent, and nothing starts any more', async () => {
    await using world = await opened(workflowOf([{ name: 'a' }, { name: 'b' }]), { script: silent });
    await world.foreign('rust-specialist', 'i');
    await world.until(() => world.agents.size === 2);
    await world.issues.turn('p', 'i', 'cancel', 'changed my mind', 'c');
    await world.until(() => [...world.agents.values()].every((agent) => agent.ended_at !== null));
    await world.quiet();
    expect(world.issues.require('p', 'i')).toMatchObject({
      status: 'cancelled',
      progress: { phase: null, reason: 'changed my mind', waiting_for: [] },
    });
    expect(world.stopRequests.map(({ reason }) => reason)).toEqual(['changed my mind', 'changed my mind']);
    expect(world.agents.size).toBe(2);
    await expect(world.issues.turn('p', 'i', 'resume', 'again', 'c')).rejects.toMatchObject({ code: 'ISSUE_ENDED' });
    expect((await world.issues.turn('p', 'i', 'cancel', 'again', 'c')).status).toBe('cancelled');
  });

  test('an agent whose start was under way when the issue ended is stopped as well', async () => {
    await using world = await opened(workflowOf([{ name: 'a' }]), { script: silent });
    world.refuseSpawn = () => new SidecarError('AGENT_LIMIT_REACHED');
    await world.create('j', 'w');
    await world.quiet();
    await world.issues.turn('p', 'j', 'cancel', 'no', 'c');
    await world.quiet();
    world.refuseSpawn = () => undefined;
    await world.announce('agent_spawned', {
      issue_id: 'j',
      agent_id: 'tdd-coding-agent-late',
      agent_type: 'tdd-coding-agent',
      idempotency_key: 'j/a/tdd-coding-agent/1/1',
    });
    await world.until(() => world.stopRequests.length > 0);
    expect(world.stopRequests).toEqual([{ agentId: 'tdd-coding-agent-late', reason: 'no' }]);
  });

  test('pausing holds back what comes next and stops the clock, resuming lets it go on', async () => {
    const gate = Promise.withResolvers<void>();
    const script: Script = async (agent) => {
      if (agent.key.includes('/a/')) await gate.promise;
      await diligent(agent);
    };
    await using world = await opened(workflowOf([{ name: 'a' }, { name: 'b' }], { max_wall_seconds: 100 }), { script });
    await world.until(() => world.agents.size === 1);
    await world.issues.turn('p', 'i', 'pause', 'lunch', 'c');
    gate.resolve();
    await world.quiet();
    world.clock.advance(3_600_000);
    await world.quiet();
    expect(world.agents.size).toBe(1);
    expect(world.issues.require('p', 'i')).toMatchObject({ status: 'paused', progress: { phase: 'b' } });
    const started = world.all().filter(({ event_type: type }) => type === 'phase_started');
    expect(started.map(({ data }) => [data['phase'], data['held']])).toEqual([
      ['a', undefined],
      ['b', 'paused'],
    ]);
    await world.restart();
    await world.issues.turn('p', 'i', 'resume', 'back', 'c');
    expect((await world.ended('i')).status).toBe('resolved');
  });

  test('a gate waits for the operator’s event, and for nobody else’s', async () => {
    const workflow = workflowOf([{ name: 'a' }, { name: 'b', wait_for: [{ event_type: 'approved' }] }]);
    await using world = await opened(workflow);
    await world.until(() => world.issues.require('p', 'i').progress?.phase === 'b');
    const forged = { projectId: 'p', topic: 'custom', eventType: 'approved', data: { issue_id: 'i' } };
    await world.events.publish({ ...forged, publisher: 'rust-specialist-1', publisherType: 'rust-specialist' });
    await world.events.publish({ ...forged, publisher: 'operator-1', publisherType: 'operator' });
    await world.quiet();
    expect(world.issues.require('p', 'i').progress?.reason).toBe('b waits for approved');
    await world.tell('custom', 'approved', { issue_id: 'i' });
    expect((await world.ended('i')).status).toBe('resolved');
  });

  test('a phase whose condition does not hold is passed over', async () => {
    const workflow = workflowOf([
      { name: 'a', run: { by: 'capability', capability: 'vulnerability-review', otherwise: ['debugger'] } },
      { name: 'b', when: { if: 'findings', phase: 'a' } },
      { name: 'c', when: { if: 'files_changed', phase: 'a' } },
    ]);
    await using world = await opened(workflow);
    await world.ended('i');
    expect(world.started('i').map((key) => key.split('/')[0])).toEqual(['a', 'c']);
    expect(world.profiles.require([...world.agents.values()][0]?.agent_type ?? '').capabilities).toContain(
      'vulnerability-review',
    );
  });

  test('an issue whose workflow is gone fails and says so', async () => {
    await using world = await opened(workflowOf([{ name: 'a' }]));
    await world.create('j', 'no-such-workflow');
    expect(await world.ended('j')).toMatchObject({
      status: 'failed',
      progress: { reason: 'there is no workflow no-such-workflow' },
    });
  });
});

describe('evidence', () => {
  const checks = [{ name: 'tests', command: ['run', 'tests'], timeout_seconds: 30 }];

  test('a claim is verified by the checks, which run after the agent has ended', async () => {
    const asked: unknown[] = [];
    const gate = Promise.withResolvers<void>();
    await using world = await opened(workflowOf([{ name: 'a', checks }]), {
      script: async (agent) => {
        await agent.store({ status: 'success' });
        await gate.promise;
        await agent.complete();
      },
      check: ({ command, timeoutMs }) => {
        asked.push({
          command,
          timeoutMs,
          running: [...world.agents.values()].filter((it) => it.ended_at === null).length,
        });
        return checkEnding(0);
      },
    });
    await world.quiet();
    expect(asked).toEqual([]);
    gate.resolve();
    expect((await world.ended('i')).status).toBe('resolved');
    expect(asked).toEqual([{ command: ['run', 'tests'], timeoutMs: 30_000, running: 0 }]);
    expect([...world.confirmed.values()]).toEqual(['verified']);
    const complete = world.all().find((event) => event.event_type === 'checks_complete');
    expect(complete?.data).toMatchObject({
      passed: true,
      checks: [{ name: 'tests', exit_code: 0, duration_ms: 5, output_sha256: 'e3b0', tree_hash: 'tree' }],
    });
  });

  test('a failed check sends the agent back with that fact, and fails the issue in the end', async () => {
    const tasks: string[] = [];
    await using world = await opened(workflowOf([{ name: 'a', checks, max_attempts: 3 }]), {
      script: async (agent) => {
        tasks.push(agent.task);
        await diligent(agent);
      },
      check: () => checkEnding(1, 'expected 4, got 5'),
    });
    const issue = await world.ended('i');
    expect(issue.progress?.reason).toContain('the check tests failed (exit 1)');
    expect(issue.progress?.reason).not.toContain('before any came');
    expect(tasks).toHaveLength(3);
    expect(tasks[1]).toContain('expected 4, got 5');
    expect([...world.confirmed.values()]).toEqual(['failed', 'failed', 'failed']);
  });

  test('a check that fails although no agent has changed a file may have failed before any came, and the reason says so once', async () => {
    const two = [...checks, ...checks.map((check) => ({ ...check, name: 'lint' }))];
    await using world = await opened(workflowOf([{ name: 'a', checks: two }]), {
      script: async (agent) => {
        await agent.store({ status: 'success', summary: 'There was nothing to do' });
        await agent.complete();
      },
      check: () => checkEnding(1, 'expected 4, got 5'),
    });
    const issue = await world.ended('i');
    expect(issue.progress?.reason?.match(/no agent has reported a changed file; [^:]+: the check \w+/g)).toEqual([
      'no agent has reported a changed file; this may have failed before any came: the check tests',
    ]);
    expect(issue.progress?.reason).toContain('the check lint failed');
    expect(issue.progress?.reason).toContain('expected 4, got 5');
  });

  test('where the phase leaves it to the project, what the project names is run', async () => {
    await using world = await opened(workflowOf([{ name: 'a', checks: 'project' }]), { projectChecks: checks });
    expect((await world.ended('i')).status).toBe('resolved');
    expect([...world.confirmed.values()]).toEqual(['verified']);
  });

  test('where nothing is found, a claim stays a claim, and the log says why', async () => {
    await using world = await opened(workflowOf([{ name: 'a', checks: 'project' }]), {});
    expect((await world.ended('i')).status).toBe('resolved');
    expect([...world.confirmed.values()]).toEqual([]);
    const decision = world.all().find(({ data }) => data['decision'] === 'unchecked');
    expect(decision?.data['reason']).toBe('what was done stays claimed: no tests were found');
    expect(world.engine.outcome('p', 'i')).toMatchObject({ agents: [{ outcome: 'claimed' }], counts: { verified: 0 } });
  });

  test.each([
    ['that is cancelled', 'cancelled', (world) => world.issues.turn('p', 'i', 'cancel', 'enough', 'c')],
    ['whose time is over', 'failed', (world) => passTime(world, [80_000, 20_000, 10_000])],
  ] satisfies [string, string, (world: ScriptedWorld) => Promise<unknown>][])(
    'regression: a check ends with its issue %s',
    async (_how, status, end) => {
      const ended = Promise.withResolvers<void>();
      let signal: AbortSignal | undefined;
      await using world = await opened(
        workflowOf([{ name: 'a', checks }], { max_wall_seconds: 100, grace_seconds: 10 }),
        {
          check: async (_request, given) => {
            signal = given;
            given.addEventListener('abort', () => ended.resolve());
            await ended.promise;
            return checkEnding(0);
          },
        },
      );
      await world.until(() => signal !== undefined);
      await end(world);
      await world.until(() => signal?.aborted === true);
      expect((await world.ended('i')).status).toBe(status);
      await world.quiet();
      expect(world.all().map(({ event_type: type }) => type)).not.toContain('checks_complete');
    },
  );

  test('a killed sidecar runs the checks again', async () => {
    let runs = 0;
    const first = Promise.withResolvers<never>();
    await using world = await opened(workflowOf([{ name: 'a', checks }]), {
      check: () => {
        runs += 1;
        return runs === 1 ? first.promise : checkEnding(0);
      },
    });
    await world.until(() => runs === 1);
    await world.restart();
    expect((await world.ended('i')).status).toBe('resolved');
    expect(world.agents.size).toBe(1);
  });

  test('an agent that goes on running after it has handed in is stopped, then checked', async () => {
    await using world = await opened(workflowOf([{ name: 'a', checks }]), {
      script: async (agent) => void (await agent.store({ status: 'success' })),
    });
    await world.quiet();
    world.clock.advance(120_000);
    expect((await world.ended('i')).status).toBe('resolved');
    expect(world.stopRequests).toHaveLength(1);
  });
});

describe('limits', () => {
  test('a storm of 361 spawns from a plan of 5 stops at the limit', async () => {
    const refusals: unknown[] = [];
    const storm: Script = async (agent) => {
      const spawns = Array.from({ length: 360 }, async () => {
        const release = world.engine.admit('p', 'i', 'rust-specialist', agent.id);
        await world.foreign('rust-specialist', 'i').finally(release);
      });
      refusals.push(...(await Promise.allSettled(spawns)).filter(({ status }) => status === 'rejected'));
      await diligent(agent);
    };
    const workflow = workflowOf([{ name: 'a' }, { name: 'b' }], { max_spawns: 5 });
    await using world: ScriptedWorld = new ScriptedWorld({
      memory: true,
      workflows: [workflow],
      script: (agent) => (agent.type === 'tdd-coding-agent' ? storm(agent) : silent(agent)),
    });
    await world.engine.start();
    await world.create('i', 'w');
    const issue = await world.ended('i');
    expect(world.agents.size).toBe(5);
    expect(refusals).toHaveLength(356);
    expect(refusals[0]).toMatchObject({ reason: { code: 'ISSUE_LIMIT_REACHED' } });
    expect(issue).toMatchObject({
      status: 'failed',
      progress: {
        reason: 'the limit of 5 agents is reached',
        limits: { level: 'no_more_agents', spawns: { used: 5, max: 5 } },
      },
    });
    await world.until(() => [...world.agents.values()].every((agent) => agent.ended_at !== null));
  });

  test('a plan that is too large starts what may be started and then fails', async () => {
    const many = ['python-specialist', 'go-specialist', 'rust-specialist', 'tdd-coding-agent'];
    await using world = await opened(
      workflowOf([{ name: 'a', run: { by: 'agents', agents: many } }], { max_spawns: 3 }),
    );
    expect((await world.ended('i')).progress?.reason).toBe('the limit of 3 agents is reached');
    expect(world.agents.size).toBe(3);
  });

  test('agents start agents only so deep', async () => {
    await using world = await opened(workflowOf([{ name: 'a' }], { max_depth: 1 }), { script: silent });
    await world.until(() => world.agents.size === 1);
    const [agent] = world.agents.keys();
    world.engine.admit('p', 'i', 'rust-specialist', null)();
    expect(() => world.engine.admit('p', 'i', 'rust-specialist', agent ?? '')).toThrow(/1 deep/);
  });

  test('time: a warning, then no further agent, then agents are stopped', async () => {
    const workflow = workflowOf([{ name: 'a' }], { max_wall_seconds: 100, grace_seconds: 10 });
    await using world = await opened(workflow, { script: silent });
    const levels: unknown[] = [];
    for (const ms of [79_000, 1000, 20_000, 10_000]) {
      await world.quiet();
      world.clock.advance(ms);
      await world.quiet();
      levels.push(world.issues.require('p', 'i').progress?.limits?.level);
    }
    expect(levels).toEqual(['ok', 'warned', 'no_more_agents', 'stopping']);
    expect(await world.ended('i')).toMatchObject({
      status: 'failed',
      progress: { reason: 'the limit is passed: 110 of 100 seconds' },
    });
    await world.until(() => [...world.agents.values()].every((agent) => agent.ended_at !== null));
  });

  test('tokens are reserved before an agent starts, so that they cannot be overdrawn side by side', async () => {
    const two = {
      name: 'a',
      run: { by: 'agents' as const, agents: ['python-specialist', 'go-specialist', 'rust-specialist'] },
    };
    let atOnce = 0;
    const script: Script = async (agent) => {
      atOnce = Math.max(atOnce, [...world.agents.values()].filter((it) => it.ended_at === null).length);
      await agent.store({ status: 'success', metrics: { tokens_used: 1000 } });
      await agent.complete();
    };
    const tokens = 2_000_000;
    await using world: ScriptedWorld = new ScriptedWorld({
      memory: true,
      workflows: [workflowOf([two], { max_tokens: tokens })],
      script,
    });
    expect(world.profiles.require('python-specialist').limits.tokens).toBeGreaterThanOrEqual(tokens);
    await world.engine.start();
    await world.create('i', 'w');
    expect(await world.ended('i')).toMatchObject({
      status: 'resolved',
      progress: { limits: { tokens: { used: 3000, max: tokens } } },
    });
    expect(atOnce).toBe(1);
    expect(decisions(world).filter((decision) => decision === 'hold')).toHaveLength(2);
  });

  test('cost is reserved before an agent starts: a storm passes it by one agent’s limit at most', async () => {
    const refusals: unknown[] = [];
    let left = 0;
    const script: Script = async (agent) => {
      const spawns = Array.from({ length: agent.type === 'tdd-coding-agent' ? 60 : 0 }, async () => {
        const release = world.engine.admit('p', 'i', 'rust-specialist', agent.id);
        left += 1;
        await world.foreign('rust-specialist', 'i').finally(release);
      });
      refusals.push(...(await Promise.allSettled(spawns)).filter(({ status }) => status === 'rejected'));
      await agent.store({ status: 'success' });
      await agent.complete({ cost_usd: 2 });
    };
    const workflow = workflowOf([{ name: 'a' }, { name: 'b' }], { max_spawns: 100, max_cost_usd: 9 });
    await using world: ScriptedWorld = new ScriptedWorld({
      memory: true,
      workflows: [workflow],
      agentCostUsd: 2,
      script,
    });
    await world.engine.start();
    await world.create('i', 'w');
    const { progress } = await world.ended('i');
    await world.until(() => [...world.agents.values()].every((agent) => agent.ended_at !== null));
    expect(left).toBe(4);
    expect(refusals).toHaveLength(56);
    expect(refusals[0]).toMatchObject({ reason: { code: 'AGENT_LIMIT_REACHED', retryable: true } });
    expect(progress?.reason).toBe('the limit is reached: 10 of 9 US dollars');
  });

  test('a late agent is stopped and its work tried again', async () => {
    const script: Script = (agent) => (agent.attempt === 1 ? undefined : diligent(agent));
    await using world = await opened(workflowOf([{ name: 'a', timeout_seconds: 60 }]), { script });
    await world.until(() => world.agents.size === 1);
    await world.quiet();
    world.clock.advance(60_000);
    expect((await world.ended('i')).status).toBe('resolved');
    expect(world.started('i')).toEqual(['a/tdd-coding-agent/1/1', 'a/tdd-coding-agent/1/2']);
  });

  test('an agent that cannot be stopped is given up after a minute', async () => {
    await using world = await opened(workflowOf([{ name: 'a', timeout_seconds: 60 }]), { script: silent });
    world.stubborn = true;
    await world.until(() => world.agents.size === 1);
    for (const ms of [60_000, 60_000]) {
      await world.quiet();
      world.clock.advance(ms);
    }
    expect((await world.ended('i')).progress?.reason).toContain('it could not be stopped');
  });
});

describe('a trimmed log', () => {
  test('does not stop a workflow: it goes on from what it last decided, and looks after its agents', async () => {
    const gate = Promise.withResolvers<void>();
    const script: Script = async (agent) => {
      if (agent.key.includes('/a/')) await gate.promise;
      await diligent(agent);
    };
    await using world = await opened(workflowOf([{ name: 'a' }, { name: 'b' }]), { script });
    await world.until(
      () => world.issues.require('p', 'i').progress?.waiting_for.length === 1 && world.agents.size === 1,
    );
    await world.quiet();
    await world.engine.close();
    gate.resolve();
    await world.until(() => [...world.agents.values()].every((agent) => agent.ended_at !== null));
    await world.quiet();
    await world.trim();
    await world.restart();
    expect((await world.ended('i')).status).toBe('resolved');
    expect(world.started('i')).toEqual(['a/tdd-coding-agent/1/1', 'b/tdd-coding-agent/1/1']);
  });
});
