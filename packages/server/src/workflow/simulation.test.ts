import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { SidecarError, Workflow, type ResultBody, type SidecarEvent } from '@orchestration-sidecar/shared';
import type { z } from 'zod';
import { begin, decide } from './decide.ts';
import { readInput } from './input.ts';
import { isSettled, type Run } from './run.ts';
import { RunStore } from './run-store.ts';
import { checkEnding, ScriptedWorld, type Script, type ScriptedAgent } from './scripted-world.ts';
import type { Announcement } from './step.ts';

/** Runs in all; each world holds many, which share a log, a machine and its crashes. */
const RUNS = 2000;
const RUNS_PER_WORLD = 100;
/** Most that each agent may cost. */
const AGENT_COST_USD = 1.5;

/** Random numbers that are the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

class Dice {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = seeded(seed);
  }

  /** Whole number from 0 to below `bound`. */
  below(bound: number): number {
    return Math.floor(this.#next() * bound);
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  pick<T>(...choices: readonly [T, ...T[]]): T {
    return choices[this.below(choices.length)] ?? choices[0];
  }
}

const CODING = ['python-specialist', 'go-specialist', 'rust-specialist', 'tdd-coding-agent'] as const;

function randomWorkflow(name: string, dice: Dice): Workflow {
  const maybe = <T>(value: T, probability = 0.5): T[] => (dice.chance(probability) ? [value] : []);
  const common = () => ({
    max_attempts: 1 + dice.below(3),
    on_failure: dice.pick('fail', 'continue', 'continue', 'continue'),
    ...(dice.chance(0.7) ? { timeout_seconds: 600 + dice.below(3000) } : {}),
  });
  return Workflow.parse({
    name,
    description: 'random',
    phases: [
      {
        name: 'architecture',
        run: { by: 'agents', agents: ['chief-architect'] },
        task: 'design',
        announced_by: ['architecture_defined'],
        ...common(),
      },
      {
        name: 'implementation',
        run: { by: 'chosen', from_phase: 'architecture', category: 'coding', otherwise: ['tdd-coding-agent'] },
        task: 'build',
        announced_by: ['implementation_complete'],
        checks: dice.chance(0.3) ? 'project' : maybe({ name: 'tests', command: ['test'] }),
        ...(dice.chance(0.05) ? { wait_for: [{ event_type: 'approved', from: 'operator' }] } : {}),
        ...common(),
      },
      {
        name: 'verification',
        run: { by: 'agents', agents: ['test-engineer', 'security-auditor'] },
        task: 'verify',
        announced_by: ['tests_passing', 'audit_complete'],
        findings_to: 'implementation',
        ...common(),
      },
      ...maybe({
        name: 'documentation',
        when: { if: 'files_changed', phase: 'implementation' },
        run: { by: 'capability', capability: 'nothing-like-it', otherwise: ['documentation-expert'] },
        task: 'document',
        ...common(),
      }),
      ...maybe({
        name: 'review',
        run: { by: 'agents', agents: ['code-reviewer'] },
        task: 'review',
        findings_to: 'implementation',
        findings_from: dice.pick('low', 'high'),
        ...common(),
      }),
    ],
    limits: {
      max_spawns: dice.pick(3, 8, 20, 40),
      max_wall_seconds: dice.pick(3600, 36_000, 200_000),
      grace_seconds: dice.pick(0, 60, 600),
      max_rounds: 1 + dice.below(4),
      max_tokens: dice.pick(null, null, 4_000_000, 20_000_000),
      max_cost_usd: dice.pick(null, null, 4, 15),
    },
  });
}

/** Agents that crash, hang, lie, are slow or silent, or do as they should. */
function randomScript(dice: Dice, world: () => ScriptedWorld): Script {
  const wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      world().clock.after(ms, resolve);
    });
  return async (agent) => {
    if (dice.chance(0.35)) await wait(dice.below(20 * 60_000));
    const mode = dice.below(100);
    if (mode < 3) return;
    const usage = { cost_usd: dice.pick(0, 0.1, 0.9, 1) * AGENT_COST_USD };
    if (mode < 7) return agent.fail('crashed', usage);
    if (mode < 11) return agent.complete(usage);
    if (mode < 14) {
      await agent.store({ status: dice.pick('failure', 'blocked'), errors: ['could not'] });
      return agent.complete(usage);
    }
    if (mode < 17) {
      await agent.publish('architecture', 'architecture_defined');
      await agent.publish('coordination', 'agent_completed', { agent_id: agent.id, agent_type: agent.type });
      if (dice.chance(0.5)) return;
    }
    if (mode < 20) await agent.publish('implementation', 'implementation_complete');
    if (mode < 23) await agent.publish('security', 'review_requested', { findings: ['sentence'], severity: 'high' });
    if (mode < 25) await agent.publish('implementation', 'review_addressed', { changes: ['a'] });
    const next = await agent.store(randomBody(agent, dice));
    if (next.length > 32) throw new Error('too many next agents');
    if (mode > 95) await agent.store({ status: 'failure' });
    if (mode > 92) return;
    if (mode > 85) await wait(dice.below(10 * 60_000));
    if (mode > 83) return agent.fail('after the fact', usage);
    return agent.complete(usage);
  };
}

function randomBody(agent: ScriptedAgent, dice: Dice): z.input<typeof ResultBody> {
  const asked = [...agent.task.matchAll(/^- (\S+) \[/gm)].flatMap(([, id]) => id ?? []);
  const reviews = ['test-engineer', 'security-auditor', 'code-reviewer'].includes(agent.type);
  const architect = agent.type === 'chief-architect';
  return {
    status: dice.pick('success', 'success', 'partial'),
    files_modified: dice.chance(0.8) ? [`file-${dice.below(20)}.py`] : [],
    next_agents: architect ? Array.from({ length: dice.below(4) }, () => dice.pick(...CODING, 'nobody')) : [],
    findings: reviews
      ? Array.from({ length: Math.max(0, dice.below(6) - 2 - agent.round) }, () => ({
          id: `F${dice.below(4)}`,
          message: 'mend it',
          severity: dice.pick('info', 'low', 'high'),
          ...(dice.chance(0.5) ? { suggested_agent: dice.pick(...CODING, 'documentation-expert') } : {}),
        }))
      : [],
    findings_answered: asked
      .filter(() => dice.chance(0.8))
      .map((id) => ({ id, answer: dice.pick('addressed', 'rebutted'), reason: 'so' })),
    metrics: dice.chance(0.5) ? { tokens_used: dice.below(4_000_000) } : {},
  };
}

/** Runs a world to its end: what can happen happens, then time goes on to what is due next, and now and then a crash. */
async function live(seed: number): Promise<{ world: ScriptedWorld; workflows: Workflow[] }> {
  const dice = new Dice(seed);
  const workflows = Array.from({ length: 12 }, (_, index) => randomWorkflow(`w${index}`, dice));
  const world: ScriptedWorld = new ScriptedWorld({
    memory: true,
    projects: ['p', 'q', 'r'],
    agentCostUsd: AGENT_COST_USD,
    workflows,
    languages: dice.pick<string[]>([], ['python'], ['go', 'typescript']),
    script: randomScript(dice, () => world),
    projectChecks: dice.pick([], [{ name: 'own', command: ['own'], timeout_seconds: 600 }]),
    check: () => ({
      ...checkEnding(dice.chance(0.7) ? 0 : 1, 'assertion failed'),
      treeHash: dice.pick('a tree', 'another', 'a third'),
    }),
  });
  world.refuseSpawn = () => {
    if (dice.chance(0.03)) return new SidecarError('AGENT_LIMIT_REACHED');
    return dice.chance(0.01) ? new SidecarError('LAUNCHER_UNAVAILABLE') : undefined;
  };
  let crashIn = 5 + dice.below(30);
  world.log.onCommit(() => {
    crashIn -= 1;
    if (crashIn > 0) return;
    crashIn = 1 + dice.below(dice.pick(10, 120, 400));
    void world.restart();
  });
  await world.engine.start();
  const issues = Array.from({ length: RUNS_PER_WORLD }, (_, index) => ({
    issueId: `i${index}`,
    projectId: dice.pick('p', 'q', 'r'),
  }));
  await Promise.all(issues.map((it) => world.create(it.issueId, dice.pick(...workflowNames(workflows)), it.projectId)));
  for (let turn = 0; turn < 20_000; turn += 1) {
    await world.quiet();
    world.stubborn = dice.chance(0.05);
    const { issueId, projectId } = issues[dice.below(issues.length)] ?? { issueId: 'i0', projectId: 'p' };
    if (dice.chance(0.3)) await meddle(world, dice, issueId, projectId);
    const nextAtMs = world.clock.nextAtMs;
    if (nextAtMs === undefined) break;
    world.clock.advance(nextAtMs - world.clock.nowMs() + (dice.chance(0.1) ? 60_000 : 0));
  }
  // Whoever is paused or waits for an approval is set going, so that every run comes to its end.
  for (let round = 0; round < 50; round += 1) {
    const left = issues.filter(({ issueId, projectId }) => isLeft(world, projectId, issueId));
    if (left.length === 0) break;
    for (const { issueId, projectId } of left) {
      if (world.issues.require(projectId, issueId).status === 'paused') await turn(world, 'resume', issueId, projectId);
      await world.tell('coordination', 'approved', { issue_id: issueId }, projectId);
    }
    for (let step = 0; step < 2000; step += 1) {
      await world.quiet();
      const nextAtMs = world.clock.nextAtMs;
      if (nextAtMs === undefined) break;
      world.clock.advance(nextAtMs - world.clock.nowMs());
    }
  }
  return { world, workflows };
}

function workflowNames(workflows: readonly Workflow[]): [string, ...string[]] {
  const [first, ...rest] = workflows.map(({ name }) => name);
  return [first ?? '', ...rest];
}

function isLeft(world: ScriptedWorld, projectId: string, issueId: string): boolean {
  return ['running', 'paused'].includes(world.issues.require(projectId, issueId).status);
}

async function turn(
  world: ScriptedWorld,
  to: 'cancel' | 'pause' | 'resume',
  issueId: string,
  projectId: string,
): Promise<void> {
  await world.issues.turn(projectId, issueId, to, `${to} by a person`, 'c').catch((cause: unknown) => {
    if (!(cause instanceof SidecarError && cause.code === 'ISSUE_ENDED')) throw cause;
  });
}

async function meddle(world: ScriptedWorld, dice: Dice, issueId: string, projectId: string): Promise<void> {
  const deed = dice.below(7);
  if (deed === 0) return turn(world, 'cancel', issueId, projectId);
  if (deed === 1) return turn(world, 'pause', issueId, projectId);
  if (deed === 2) return turn(world, 'resume', issueId, projectId);
  if (deed === 3) return world.tell('coordination', 'approved', { issue_id: issueId }, projectId);
  if (deed === 4) return world.tell('architecture', 'architecture_defined', { issue_id: issueId }, projectId);
  if (deed === 5) return world.tell('implementation', 'implementation_complete', { issue_id: issueId }, projectId);
  return world.restart();
}

/** Folds the whole log again: what the workflow says must have happened. */
function replay(world: ScriptedWorld, workflows: readonly Workflow[], projectId: string) {
  const { catalogue } = world;
  const runs = new Map<string, Run>();
  const said = new Map<string, { announcement: Announcement; because: string }[]>();
  for (const event of world.all(projectId)) {
    const input = readInput(event, world);
    if (!input) continue;
    const { issueId, happening } = input;
    const run = runs.get(issueId);
    const workflow = happening.kind === 'created' ? workflows.find((it) => it.name === happening.workflow) : undefined;
    if (!run && !workflow) continue;
    const { run: after, announcements } = run
      ? decide(run, input, catalogue)
      : begin(input, { title: titleOf(event), workflow: workflow ?? fail(), languages: world.languages }, catalogue);
    runs.set(issueId, after);
    said.set(issueId, [
      ...(said.get(issueId) ?? []),
      ...announcements.map((announcement) => ({ announcement, because: event.event_id })),
    ]);
  }
  return { runs, said };
}

function titleOf({ data: { title } }: SidecarEvent): string {
  return typeof title === 'string' ? title : '';
}

function fail(): never {
  throw new Error('there is no such workflow');
}

const ENGINE_EVENTS =
  /^(issue_started|issue_resolved|issue_failed|phase_started|phase_complete|workflow_decision|agent_escalated)$/;

function problemsOf(world: ScriptedWorld, workflows: readonly Workflow[]): string[] {
  const problems: string[] = [];
  const store = new RunStore(world.database);
  for (const { project_id: projectId } of world.projects) {
    const { runs, said } = replay(world, workflows, projectId);
    const events = world.all(projectId);
    for (const [issueId, run] of runs) {
      const where = `${projectId}/${issueId} (${run.workflow.name})`;
      const { limits } = run.workflow;
      const expect = (holds: boolean, what: string): void => void (holds || problems.push(`${where}: ${what}`));
      const issue = world.issues.require(projectId, issueId);
      const agents = [...world.agents.values()].filter((it) => it.project_id === projectId && it.issue_id === issueId);
      const stored = store.find(projectId, issueId);

      expect(!isLeft(world, projectId, issueId), `it did not end: ${issue.status}, ${issue.progress?.reason}`);
      expect(stored !== undefined && isSettled(stored), 'it is not settled');
      expect(isDeepStrictEqual(stored, run), 'the log does not lead to the state that is stored');
      expect(issue.progress?.waiting_for.length === 0, 'it still waits');

      expect(agents.length <= limits.max_spawns, `${agents.length} agents with a limit of ${limits.max_spawns}`);
      expect(run.round <= limits.max_rounds, `round ${run.round}`);
      const took = (run.paused_since_ms ?? run.ended_ms ?? Infinity) - run.started_ms - run.paused_total_ms;
      expect(took <= (limits.max_wall_seconds + limits.grace_seconds + 120) * 1000, `it took ${took} ms`);
      const usd = run.jobs.reduce((sum, job) => sum + job.used_usd, 0);
      // One that was given up reserves nothing any more, whatever it does.
      const lost = run.jobs.filter((job) => job.lost_at_ms !== null).length;
      const mostUsd = (limits.max_cost_usd ?? Infinity) + (1 + lost) * AGENT_COST_USD;
      expect(usd < mostUsd, `${usd} US dollars of ${limits.max_cost_usd}`);
      for (const agent of agents) {
        const job = run.jobs.find((it) => it.agent_id === agent.agent_id);
        expect(job !== undefined, `${agent.agent_id} belongs to nothing`);
        expect(agent.ended_at !== null || job?.lost_at_ms !== null, `${agent.agent_id} was left running`);
      }
      for (const job of run.jobs) {
        const phase = run.workflow.phases.find(({ name }) => name === job.phase);
        expect(job.attempt <= (phase?.max_attempts ?? 0), `${job.key} is one attempt too many`);
        expect(job.state === 'delivered' || job.state === 'failed', `${job.key} is ${job.state}`);
      }

      const published = events.filter(
        (event) =>
          event.publisher === 'sidecar' && event.data['issue_id'] === issueId && ENGINE_EVENTS.test(event.event_type),
      );
      const explained = said.get(issueId) ?? [];
      expect(published.length === explained.length, `${published.length} events, ${explained.length} explained`);
      for (const [index, event] of published.entries()) {
        const { announcement, because } = explained[index] ?? {};
        const same = announcement?.eventType === event.event_type && because === event.references;
        expect(same && announcement.data['reason'] === event.data['reason'], `${event.event_type} is not explained`);
      }
      problems.push(...handOverProblems(events, issueId, where));
    }
  }
  for (const [key, count] of world.starts) if (count !== 1) problems.push(`${key} started ${count} times`);
  return problems;
}

/**
 * What a stored result was answered with must be what the engine then planned because of it; where checks of the phase
 * come in between, because of them, unless they failed or never came, or a budget was used up by then.
 */
function handOverProblems(events: readonly SidecarEvent[], issueId: string, where: string): string[] {
  const own = events.filter(({ data }) => data['issue_id'] === issueId);
  const planned = new Map<string, Set<string>>();
  for (const { event_type: type, references, data } of own) {
    const plans = type === 'workflow_decision' && (data['decision'] === 'spawn' || data['decision'] === 'hold');
    if (!plans || references === null) continue;
    planned.set(references, (planned.get(references) ?? new Set()).add(JSON.stringify(data['agent_type'])));
  }
  const textOf = (types: Iterable<string> = []): string => [...types].toSorted().join(', ');
  return own.flatMap(({ event_id: id, data }, index) => {
    if (typeof data['result_id'] !== 'string') return [];
    const told = textOf(new Set((data['next_agents'] as string[]).map((it) => JSON.stringify(it))));
    const direct = textOf(planned.get(id));
    if (told === direct) return [];
    const checked = own.slice(index + 1).find(({ event_type: type }) => type === 'checks_complete');
    const passed = checked && (checked.data['checks'] as { passed: boolean }[]).every((check) => check.passed);
    const meanwhile = own.slice(index + 1, checked && own.indexOf(checked));
    const isHalted = meanwhile.some((event) => event.data['decision'] === 'no_more_agents');
    const isOpen = direct === '' && (passed !== true || isHalted);
    const then = direct === '' ? textOf(planned.get(checked?.event_id ?? '')) : direct;
    return isOpen || told === then ? [] : [`${where}: told ${told}, started ${then}`];
  });
}

describe('2,000 random issues with agents that crash, hang, lie, are slow or silent', () => {
  const worlds = Array.from({ length: RUNS / RUNS_PER_WORLD }, (_, index) => index + 1);
  // A second or so each; the time-out is for machines that are busy with other things.
  test.for(worlds)(
    'world %i: each ends within its limits, settled and explained',
    { timeout: 60_000 },
    async (seed) => {
      const { world: lived, workflows } = await live(seed);
      await using world = lived;
      expect(problemsOf(world, workflows)).toEqual([]);
    },
  );
});
