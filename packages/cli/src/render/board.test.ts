import type { Agent, Issue, ProjectBudget, SidecarEvent, Workflow } from '@orchestration-sidecar/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failuresOf, needsOf, needsOfSidecar } from '../attention.ts';
import type { Snapshot } from '../snapshot.ts';
import { plain } from '../terminal.ts';
import { issueBoard } from './issue-board.ts';
import { statusBoard } from './status-board.ts';
import { story } from './story.ts';
import { widthOf } from './text.ts';

const AT = '2026-01-31T12:00:00.000Z';
const nowMs = Date.parse(AT) + 72_000;
const terminal = { paint: plain, columns: 80, rows: 24, nowMs };

function issueWith(changes: Partial<Issue>): Issue {
  return {
    issue_id: 'shop-7',
    project_id: 'shop',
    title: 'Keep the cart',
    body: '',
    status: 'running',
    workflow: 'release',
    progress: { workflow: 'release', phase: 'build', round: 2, reason: 'as planned', waiting_for: ['rust-pro'] },
    created_at: AT,
    updated_at: AT,
    ...changes,
  };
}

function agentWith(changes: Partial<Agent>): Agent {
  return {
    agent_id: 'rust-pro-f0a9021d-c534-4a16-85e0-82e6d7d18299',
    agent_type: 'rust-pro',
    issue_id: 'shop-7',
    project_id: 'shop',
    parent_id: null,
    task: '',
    launcher: null,
    state: 'running',
    activity: { kind: 'working', cause: 'edits src/cart.rs', since: AT },
    outcome: 'unknown',
    process_id: 1,
    attempt: 1,
    usage: { input_tokens: null, output_tokens: null, cost_usd: null, turns: null },
    exit: null,
    permissions: [],
    created_at: AT,
    started_at: AT,
    ended_at: null,
    ...changes,
  };
}

function phase(name: string, eventType?: string): Workflow['phases'][number] {
  return {
    name,
    when: null,
    wait_for: eventType === undefined ? [] : [{ event_type: eventType, from: 'operator' }],
    run: { by: 'agents', agents: ['rust-pro'] },
    task: 'Do it.',
    announced_by: [],
    checks: [],
    findings_to: null,
    findings_from: 'low',
    max_attempts: 1,
    timeout_seconds: null,
    on_failure: 'fail',
  };
}

const workflow: Workflow = {
  name: 'release',
  description: 'For tests.',
  phases: [phase('design'), phase('build'), phase('audit', 'release_approved')],
  limits: {
    max_spawns: 1,
    max_wall_seconds: 1,
    grace_seconds: 1,
    max_rounds: 1,
    max_depth: 1,
    max_tokens: null,
    max_cost_usd: null,
  },
};

const waitingForPerson = issueWith({
  progress: {
    workflow: 'release',
    phase: 'audit',
    round: 1,
    reason: 'audit waits for release_approved',
    waiting_for: [],
  },
});

function snapshotOf(issues: readonly Issue[], agents: readonly Agent[]): Snapshot {
  return {
    health: {
      status: 'healthy',
      service: 'orchestration-sidecar',
      version: '1.2.3',
      uptime_seconds: 60,
      checks: {
        storage: 'healthy',
        event_bus: 'healthy',
        memory_usage_mb: 80,
        active_agents: 1,
        event_queue_size: 0,
        storage_latency_ms: 1,
      },
      reasons: [],
    },
    status: {
      agents: { active: 1, completed: 0, failed: 0, by_type: {} },
      storage: { context_cache_entries: 0, results_stored: 0, total_size_mb: 1 },
      events: { total_published: 12, active_subscriptions: 1, queue_depth: 0 },
      performance: { avg_response_time_ms: null, p99_response_time_ms: null, requests_per_second: 0 },
      requests: { running: 0, waiting: 0, shed_total: 0, rate_limited_total: 0 },
      memory: { resident_mb: 0, heap_mb: 0, max_resident_mb: 0, max_heap_mb: 0, scarce: false },
      breakers: [],
      profiles: { agent_types: 119, workflows: 4, broken_files: 0 },
      unknown: {},
    },
    issues,
    agents,
    needs: issues.flatMap((issue) => needsOf(issue, workflow, agents)),
    budgets: [],
    blind: undefined,
  };
}

describe('issueBoard', () => {
  it('says who works, who is waited for and where the workflow stands', () => {
    const agents = [
      agentWith({}),
      agentWith({
        agent_type: 'test-engineer',
        activity: { kind: 'waiting', cause: 'for api_implemented', since: AT },
      }),
      agentWith({ agent_type: 'chief-architect', state: 'exited', outcome: 'verified', ended_at: AT }),
    ];
    expect(issueBoard({ issue: issueWith({}), workflow, agents, needs: [] }, terminal)).toEqual([
      '─'.repeat(80),
      `${'Keep the cart'.padEnd(72)}1 m 12 s`,
      'shop-7 in shop · round 2',
      '',
      '✓ design → ● build → · audit',
      '',
      `● rust-pro         works   ${'edits src/cart.rs'.padEnd(43)}  1 m 12 s`,
      `◌ test-engineer    waits   ${'for api_implemented'.padEnd(43)}  1 m 12 s`,
      `✓ chief-architect  done    ${'verified'.padEnd(48)}  0 s`,
      '',
      '◌ the issue waits on rust-pro',
    ]);
  });

  it('says what needs a person and the command that helps, whole', () => {
    const needs = needsOf(waitingForPerson, workflow, []);
    expect(issueBoard({ issue: waitingForPerson, workflow, agents: [], needs }, terminal).slice(-2)).toEqual([
      '! needs you  shop-7: audit waits for release_approved',
      '             sidecar events publish release_approved --issue shop-7',
    ]);
  });
});

describe('boards', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 120 });
  const agent = fc
    .record({
      agent_type: fc.stringMatching(/^[a-z-]{1,40}$/),
      state: fc.constantFrom('queued', 'starting', 'running', 'stopping', 'exited', 'failed', 'stopped', 'external'),
      cause: text,
      kind: fc.constantFrom('none', 'working', 'waiting', 'silent'),
    })
    .map(({ agent_type, state, cause, kind }) =>
      agentWith({ agent_type, state, activity: { kind, cause, since: AT } }),
    );

  it.each([80, 40])('stay within %i columns whatever agents say, and keep what needs a person on it', (columns) => {
    const narrow = { ...terminal, columns };
    fc.assert(
      fc.property(text, fc.array(agent, { maxLength: 119 }), (title, agents) => {
        const issue = { ...waitingForPerson, title };
        const gate = needsOf(issue, workflow, []);
        const board = issueBoard({ issue, workflow, agents, needs: gate }, narrow);
        const snapshot = { ...snapshotOf([issue], agents), needs: gate };
        const status = statusBoard(snapshot, { ...narrow, url: 'http://127.0.0.1:3001' });
        for (const lines of [board, status]) {
          expect(lines.length).toBeLessThanOrEqual(24);
          expect(lines.join('\n')).toContain('--issue shop-7');
          for (const line of lines) {
            // A command is shown whole, to be copied.
            if (!line.includes('sidecar events publish')) expect(widthOf(line)).toBeLessThanOrEqual(columns);
            expect(line).not.toMatch(/\p{Control}/u);
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  it('says in 80 columns why the sidecar is not healthy, which numbers are unknown, and who waits', () => {
    const { health, status, ...rest } = snapshotOf(
      [],
      [
        agentWith({ activity: { kind: 'waiting', cause: 'for api_implemented', since: AT } }),
        agentWith({ state: 'queued' }),
      ],
    );
    const reason = 'no request was answered in the last five minutes';
    const ill = { ...health, status: 'degraded' as const, reasons: ['storage: the disk refuses writes'] };
    const lines = statusBoard(
      {
        ...rest,
        health: ill,
        needs: needsOfSidecar(ill, status),
        status: {
          ...status,
          unknown: { 'performance.avg_response_time_ms': reason, 'performance.p99_response_time_ms': reason },
        },
      },
      { ...terminal, url: 'http://127.0.0.1:3001' },
    );
    expect(lines[0]).toMatch(/ degraded, up /);
    expect(lines.slice(2, 4).map((line) => line.trim())).toEqual([
      '! needs you  storage: the disk refuses writes',
      'sidecar doctor',
    ]);
    expect(lines).toContain('Agents  2 alive, 0 working, 1 waiting, 1 queued, 0 done, 0 failed');
    expect(lines.slice(-2)).toEqual([
      'unknown: avg_response_time_ms, p99_response_time_ms: no request was answered in',
      'the last five minutes',
    ]);
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(80);
  });

  it('show what projects used of what they may take, those first that have least left', () => {
    const share = { used: 0, reserved: 0, max: null };
    const free: ProjectBudget = { level: 'ok', hours: 24, tokens: share, cost_usd: share, spawns: share };
    const bounded = (level: ProjectBudget['level'], over: Partial<ProjectBudget>) => ({ ...free, level, ...over });
    const budgets = [
      { project_id: 'any', budget: free },
      { project_id: 'shop', budget: bounded('ok', { spawns: { used: 3, reserved: 0, max: 10 } }) },
      {
        project_id: 'blog',
        budget: bounded('used_up', {
          tokens: { used: 1_500_000, reserved: 700, max: 1_500_000 },
          cost_usd: { used: 3.456, reserved: 0, max: 10 },
        }),
      },
    ];
    const target = { ...terminal, columns: 120, url: 'http://127.0.0.1:3001' };
    const lines = statusBoard({ ...snapshotOf([], []), budgets }, target);
    expect(lines.slice(lines.indexOf('Budgets') + 1, lines.indexOf('Budgets') + 4)).toEqual([
      '  blog  1,500,000 of 1,500,000 tokens (700 reserved), $3.46 of $10.00 in 24 h · no further agent starts',
      '  shop  3 of 10 agents in 24 h',
      '',
    ]);
    expect(statusBoard(snapshotOf([], []), target)).not.toContain('Budgets');
    const many = Array.from({ length: 30 }, (_, index) => ({
      project_id: `p${index}`,
      budget: bounded('low', { spawns: { used: 9, reserved: 0, max: 10 } }),
    }));
    const issues = Array.from({ length: 30 }, (_, index) => issueWith({ issue_id: `shop-${index}` }));
    const full = statusBoard({ ...snapshotOf(issues, []), budgets: many }, target);
    expect(full.length).toBeLessThanOrEqual(24);
    expect(full).toContain('  and 28 more');
  });

  it('share the screen between issues and agents', () => {
    const issues = Array.from({ length: 30 }, (_, index) => issueWith({ issue_id: `shop-${index}` }));
    const agents = Array.from({ length: 30 }, () => agentWith({}));
    const lines = statusBoard(snapshotOf(issues, agents), { ...terminal, url: 'http://127.0.0.1:3001' });
    expect(lines.length).toBeLessThanOrEqual(24);
    expect(lines.filter((line) => /^ {2}and \d+ more$/.test(line))).toHaveLength(2);
  });
});

describe('what needs a person', () => {
  it.each([
    { what: 'a paused issue', issue: issueWith({ status: 'paused' }), agents: [], says: ['is paused'] },
    { what: 'a failed issue', issue: issueWith({ status: 'failed' }), agents: [], says: ['has failed: as planned'] },
    {
      what: 'a silent agent',
      issue: issueWith({}),
      agents: [agentWith({ activity: { kind: 'silent', cause: 'no output for 130 s', since: AT } })],
      says: ['rust-pro is silent: no output for 130 s'],
    },
    { what: 'nothing of a running issue', issue: issueWith({}), agents: [agentWith({})], says: [] },
    { what: 'nothing of a resolved issue', issue: issueWith({ status: 'resolved' }), agents: [], says: [] },
  ])('$what', ({ issue, agents, says }) => {
    expect(needsOf(issue, workflow, agents).map(({ what }) => what)).toEqual(says);
  });

  it('agents that failed at an issue which no workflow moves, each type once', () => {
    const issue = issueWith({ status: 'open', workflow: null, progress: null });
    const failed = agentWith({ state: 'failed', outcome: 'failed', ended_at: AT });
    expect(failuresOf(issue, [])).toEqual([]);
    expect(failuresOf(issue, [failed, failed, agentWith({ ...failed, issue_id: 'another' })])).toEqual([
      {
        about: 'shop-7',
        what: 'rust-pro failed, and no workflow goes on with it',
        command: 'sidecar agents list --issue shop-7 --state failed',
      },
    ]);
  });

  it('files of profiles that cannot be taken, and that it is not healthy', () => {
    const { health, status } = snapshotOf([], []);
    expect(needsOfSidecar(health, status)).toEqual([]);
    const broken = { ...status, profiles: { ...status.profiles, broken_files: 2 } };
    const reasons = ['storage: the disk refuses writes'];
    expect(needsOfSidecar({ ...health, status: 'degraded', reasons }, status)).toEqual([
      { about: 'storage', what: 'the disk refuses writes', command: 'sidecar doctor' },
    ]);
    expect(needsOfSidecar(health, broken).map(({ what }) => what)).toEqual([
      '2 files cannot be taken; the last good content is used',
    ]);
  });
});

describe('story', () => {
  const event = (changes: Partial<SidecarEvent>): SidecarEvent => ({
    event_id: 'evt-1',
    event_type: 'agent_spawned',
    publisher: 'sidecar',
    publisher_type: 'sidecar',
    topic: 'coordination',
    data: { agent_type: 'rust-pro' },
    correlation_id: null,
    project_id: 'shop',
    round: null,
    references: null,
    ttl_seconds: 60,
    timestamp: AT,
    cursor: 'abcd.1',
    ...changes,
  });

  it.each([
    [event({}), 'rust-pro            starts'],
    [
      event({ event_type: 'agent_failed', data: { agent_type: 'rust-pro', error: 'crashed', will_retry: true } }),
      'rust-pro            failed: crashed; it is tried again',
    ],
    [
      event({ event_type: 'checks_complete', data: { checks: [{ passed: true }, { name: 'tests', passed: false }] } }),
      'sidecar             1 of 2 checks passed, not: tests',
    ],
    [
      event({
        event_type: 'phase_started',
        data: { phase: 'build', agents: ['rust-pro', 'go-pro'], reason: 'named by the workflow' },
      }),
      'sidecar             build starts: rust-pro, go-pro (named by the workflow)',
    ],
    [
      event({
        event_type: 'phase_started',
        data: { phase: 'build', agents: ['rust-pro'], held: 'paused', reason: 'named by the workflow' },
      }),
      'sidecar             build will start when the issue is resumed: rust-pro (named by the workflow)',
    ],
    [
      event({
        event_type: 'workflow_decision',
        data: { decision: 'verified', phase: 'build', reason: '1 of 1 checks passed' },
      }),
      'sidecar             build is verified',
    ],
    [
      event({ event_type: 'tests_passing', publisher_type: 'test-engineer', data: { summary: 'All\u001b[2J green' } }),
      'test-engineer       publishes tests_passing: All�[2J green',
    ],
  ])('tells an event in a line', (told, line) => {
    expect(story(told, { paint: plain, columns: Infinity })?.slice('12:00:00  '.length)).toBe(line);
  });

  it('leaves out what is of no interest, and what an agent says in the sidecar’s words it says as the agent', () => {
    expect(story(event({ event_type: 'workflow_observed' }), terminal)).toBeUndefined();
    const forged = event({ event_type: 'issue_resolved', publisher_type: 'rust-pro', data: {} });
    expect(story(forged, terminal)).toContain('rust-pro            publishes issue_resolved');
  });

  it('tells one thing once: why the workflow gave up is told by the end of the issue, missing checks by the decision', () => {
    const data = {
      agent_type: 'rust-pro',
      workflow: 'release',
      phase: 'build',
      reason: 'rust-pro failed: no such program',
    };
    expect(story(event({ event_type: 'agent_escalated', data }), terminal)).toBeUndefined();
    const bySupervisor = event({ event_type: 'agent_escalated', data: { agent_type: 'rust-pro', reason: 'crashed' } });
    expect(story(bySupervisor, terminal)).toContain('gives up: its attempt failed');
    const unchecked = { checks: [], reason: 'no tests were found in the project' };
    expect(story(event({ event_type: 'checks_complete', data: unchecked }), terminal)).toBeUndefined();
  });

  it('fits the terminal whatever the payload', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (summary) => {
        const line = story(event({ event_type: 'x', publisher_type: 'rust-pro', data: { summary } }), terminal) ?? '';
        expect(widthOf(line)).toBeLessThanOrEqual(80);
      }),
    );
  });
});
