import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startForTest, type SidecarUnderTest, type TestAgent } from '../support/sidecar-under-test.ts';

let sidecar: SidecarUnderTest;
let python: TestAgent;

beforeAll(async () => {
  sidecar = await startForTest();
  await sidecar.createIssue('issue-123');
  python = await sidecar.mint('python-specialist');
});
afterAll(() => sidecar[Symbol.asyncDispose]());

const iso = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

describe('GET /api/context/:issue_id/:agent_type', () => {
  test('answers every specified field', async () => {
    const { status, body } = await sidecar.call('GET', '/api/context/issue-123/python-specialist', python);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      issue_id: 'issue-123',
      agent_type: 'python-specialist',
      context: {
        project_structure: {
          root: sidecar.project,
          files: expect.arrayContaining(['src/greeter.py', 'tests/test_greeter.py']),
          directories: expect.arrayContaining(['src', 'tests']),
        },
        git_context: {
          branch: 'main',
          recent_commits: [
            { hash: expect.stringMatching(/^[0-9a-f]{7,40}$/), message: 'Initial commit', author: 'Test' },
          ],
          uncommitted_changes: [],
          unavailable: null,
        },
        previous_agent_outputs: [],
        metadata: { dependencies: expect.arrayContaining(['fastapi', 'pytest']), test_coverage: null },
      },
      truncated: false,
      truncation_strategy: 'none',
    });
    const file = body.context.relevant_files.find((each: { path: string }) => each.path === 'src/greeter.py');
    expect(file).toMatchObject({ content: expect.stringContaining('def greet') });
    expect(file.size).toBe(statSync(join(sidecar.project, 'src/greeter.py')).size);
    expect(Date.parse(file.last_modified)).toBeGreaterThan(0);
  });

  test('shows what earlier agents of the issue stored', async () => {
    await sidecar.createIssue('issue-prev');
    const architect = await sidecar.mint('chief-architect');
    await sidecar.call('POST', '/api/results', {
      token: architect.token,
      body: { issue_id: 'issue-prev', result: { status: 'success', decisions: ['Use FastAPI for the backend'] } },
    });
    const { body } = await sidecar.call('GET', '/api/context/issue-prev/python-specialist', python);
    expect(body.context.previous_agent_outputs).toMatchObject([
      { agent: 'chief-architect', decision: 'Use FastAPI for the backend', timestamp: iso },
    ]);
  });
});

describe('the context in other shapes', () => {
  test('as Markdown, ready to hand to a model', async () => {
    const { status, headers, body } = await sidecar.call(
      'GET',
      '/api/context/issue-123/python-specialist?format=markdown',
      python,
    );
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/markdown; charset=utf-8');
    expect(body).toContain('Work on issue-123');
    expect(body).toContain('src/greeter.py');
    const other = await sidecar.call('GET', '/api/context/issue-123/python-specialist?format=xml', python);
    expect(other).toMatchObject({ status: 400, body: { code: 'INPUT_INVALID' } });
  });

  test('within a budget of bytes or tokens, and says how it was made to fit', async () => {
    for (const bound of ['max_bytes=1500', 'max_tokens=400']) {
      const { body } = await sidecar.call('GET', `/api/context/issue-123/python-specialist?${bound}`, python);
      expect(body).toMatchObject({ truncated: true, truncation_strategy: expect.not.stringMatching(/^none$/) });
      expect(JSON.stringify(body).length).toBeLessThan(2500);
    }
  });

  test('tells how the last build went, as events and results said', async () => {
    await sidecar.createIssue('issue-build');
    const statusNow = async (): Promise<unknown> =>
      (await sidecar.call('GET', '/api/context/issue-build/python-specialist')).body.context.metadata.last_build_status;
    const qa = await sidecar.mint('test-engineer');
    await sidecar.call('POST', '/api/events/tests_failing', { token: qa.token, body: { topic: 'testing' } });
    expect(await statusNow()).toBe('failure');
    const body = { issue_id: 'issue-build', result: { status: 'success' } };
    await sidecar.call('POST', '/api/results', { token: qa.token, body });
    expect(await statusNow()).toBe('success');
  });
});

describe('POST /api/results', () => {
  const result = {
    status: 'success',
    files_created: ['src/api.py', 'tests/test_api.py'],
    files_modified: ['requirements.txt'],
    decisions: ['Implemented REST API with FastAPI', 'Added comprehensive test suite'],
    metrics: { execution_time_ms: 4500, tokens_used: 15_000, test_coverage: 92.3 },
    artifacts: { api_documentation: '# API Documentation\n...', test_report: 'All tests passing' },
    errors: [],
    warnings: ['Consider adding rate limiting'],
  };

  test('takes the specified body, answers the specified fields, mirrors the result', async () => {
    const { status, body } = await sidecar.call('POST', '/api/results', {
      token: python.token,
      body: {
        agent_id: python.agentId,
        agent_type: 'python-specialist',
        issue_id: 'issue-123',
        project_id: (await sidecar.call('GET', '/api/projects')).body.projects[0].project_id,
        result,
        timestamp: '2025-11-18T10:05:00Z',
      },
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      id: expect.any(String),
      stored: true,
      storage_path: expect.stringMatching(/\/results\/[^/]+\/issue-123\/python-specialist\.json$/),
      next_agents: expect.arrayContaining(['test-engineer', 'security-auditor']),
      event_published: true,
    });
    const mirror = JSON.parse(readFileSync(body.storage_path, 'utf8'));
    expect(mirror).toMatchObject({ id: body.id, result, timestamp: '2025-11-18T10:05:00.000Z' });
    const stored = await sidecar.call('GET', `/api/results/${body.id}`, python);
    expect(stored.body).toEqual(mirror);
  });

  test('keeps earlier results of the same agent type beside the newest', async () => {
    await sidecar.createIssue('issue-again');
    const store = async (summary: string) =>
      (
        await sidecar.call('POST', '/api/results', {
          token: python.token,
          body: { issue_id: 'issue-again', result: { status: 'success', summary } },
        })
      ).body;
    const [first, second, third] = [await store('one'), await store('two'), await store('three')];
    const summaryAt = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8')).result.summary;
    expect(summaryAt(third.storage_path)).toBe('three');
    const beside = third.storage_path.replace(/\.json$/, '');
    expect(summaryAt(`${beside}/${first.id}.json`)).toBe('one');
    expect(summaryAt(`${beside}/${second.id}.json`)).toBe('two');
    expect(existsSync(`${beside}/${third.id}.json`)).toBe(false);
    const list = await sidecar.call('GET', '/api/results?issue_id=issue-again&limit=2', python);
    expect(list.body.results.map((each: { id: string }) => each.id)).toEqual([third.id, second.id]);
    const rest = await sidecar.call('GET', `/api/results?issue_id=issue-again&cursor=${list.body.next_cursor}`, python);
    expect(rest.body).toMatchObject({ results: [{ id: first.id }], next_cursor: null });
  });

  test('lists by issue, agent type, status and time', async () => {
    await sidecar.createIssue('issue-list');
    const qa = await sidecar.mint('test-engineer');
    await sidecar.call('POST', '/api/results', {
      token: qa.token,
      body: { issue_id: 'issue-list', result: { status: 'failure' } },
    });
    const between = new Date().toISOString();
    await sidecar.call('POST', '/api/results', {
      token: python.token,
      body: { issue_id: 'issue-list', result: { status: 'success' } },
    });
    const types = async (query: string): Promise<string[]> =>
      (await sidecar.call('GET', `/api/results?issue_id=issue-list&${query}`)).body.results.map(
        (each: { agent_type: string }) => each.agent_type,
      );
    expect(await types('')).toEqual(['python-specialist', 'test-engineer']);
    expect(await types('agent_type=test-engineer')).toEqual(['test-engineer']);
    expect(await types('status=success')).toEqual(['python-specialist']);
    expect(await types(`until=${between}`)).toEqual(['test-engineer']);
    expect(await types('since=2999-01-01T00:00:00Z')).toEqual([]);
  });

  test('the same idempotency key stores once', async () => {
    await sidecar.createIssue('issue-once');
    const send = () =>
      sidecar.call('POST', '/api/results', {
        token: python.token,
        headers: { 'idempotency-key': 'k-1' },
        body: { issue_id: 'issue-once', result: { status: 'success' } },
      });
    const [first, second] = await Promise.all([send(), send()]);
    expect(second.body).toEqual(first.body);
    expect((await sidecar.call('GET', '/api/results?issue_id=issue-once')).body.results).toHaveLength(1);
  });
});

describe('POST /api/events/:event_type', () => {
  test('takes the specified body and answers the specified fields', async () => {
    const { status, body } = await sidecar.call('POST', '/api/events/agent_completed', {
      token: python.token,
      body: {
        event_type: 'agent_completed',
        publisher: python.agentId,
        topic: 'implementation',
        data: { issue_id: 'issue-123', status: 'success', next_phase: 'testing' },
        correlation_id: 'session-789',
        ttl_seconds: 86_400,
      },
    });
    expect(status).toBe(202);
    expect(body).toMatchObject({
      event_id: expect.any(String),
      published: true,
      subscribers_notified: [],
      timestamp: iso,
    });
  });

  test('names the agent types that listen', async () => {
    const qa = await sidecar.mint('qa-engineer');
    const waiting = sidecar.call('GET', '/api/events/wait/api_ready?timeout=20000&cursor=latest', qa);
    await expect
      .poll(async () => (await sidecar.call('GET', '/status')).body.events.active_subscriptions, { timeout: 5000 })
      .toBeGreaterThan(0);
    const { body } = await sidecar.call('POST', '/api/events/api_ready', {
      token: python.token,
      body: { topic: 'implementation' },
    });
    expect(body.subscribers_notified).toEqual(['qa-engineer']);
    expect((await waiting).body.events).toMatchObject([{ event_id: body.event_id }]);
  });
});

describe('GET /api/events/wait/:event_type', () => {
  test('answers what was published just before, and the way to go on', async () => {
    const published = await sidecar.call('POST', '/api/events/api_implemented', {
      token: python.token,
      body: { topic: 'implementation', data: { issue_id: 'issue-w' } },
    });
    const path = '/api/events/wait/api_implemented?timeout=5000&filter=issue_id:issue-w';
    const first = await sidecar.call('GET', path, python);
    expect(first.body).toMatchObject({
      events: [
        {
          event_id: published.body.event_id,
          event_type: 'api_implemented',
          publisher: python.agentId,
          data: { issue_id: 'issue-w' },
          timestamp: iso,
        },
      ],
      more_available: false,
      next_cursor: expect.any(String),
      timeout: false,
    });
    const none = await sidecar.call('GET', `${path.replace('5000', '50')}&cursor=${first.body.next_cursor}`, python);
    expect(none.status).toBe(200);
    expect(none.body).toMatchObject({
      events: [],
      timeout: true,
      more_available: false,
      next_cursor: expect.any(String),
    });
  });

  test('* waits for any type; since is another word for cursor', async () => {
    const start = (await sidecar.call('GET', '/api/events?after=latest')).body.next_cursor;
    const waiting = sidecar.call('GET', `/api/events/wait/*?timeout=20000&since=${start}`, python);
    await sidecar.call('POST', '/api/events/whatever', { token: python.token, body: { topic: 'implementation' } });
    expect((await waiting).body.events).toMatchObject([{ event_type: 'whatever' }]);
  });
});

test('GET /health', async () => {
  const { status, body } = await sidecar.call('GET', '/health', { token: null });
  expect(status).toBe(200);
  expect(body).toMatchObject({
    status: 'healthy',
    service: 'orchestration-sidecar',
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    uptime_seconds: expect.any(Number),
    checks: {
      storage: 'healthy',
      event_bus: 'healthy',
      memory_usage_mb: expect.any(Number),
      active_agents: 0,
      event_queue_size: expect.any(Number),
    },
  });
});

test('GET /status', async () => {
  const { status, body } = await sidecar.call('GET', '/status', { token: null });
  expect(status).toBe(200);
  expect(body).toMatchObject({
    agents: { active: 0, completed: 0, failed: 0, by_type: {} },
    storage: {
      context_cache_entries: expect.any(Number),
      results_stored: expect.any(Number),
      total_size_mb: expect.any(Number),
    },
    events: {
      total_published: expect.any(Number),
      active_subscriptions: expect.any(Number),
      queue_depth: expect.any(Number),
    },
    performance: {
      avg_response_time_ms: expect.any(Number),
      p99_response_time_ms: expect.any(Number),
      requests_per_second: expect.any(Number),
    },
  });
  expect(body.storage.results_stored).toBeGreaterThan(0);
});

test('DELETE /api/cache/context/:issue_id', async () => {
  await sidecar.createIssue('issue-cache');
  await sidecar.call('GET', '/api/context/issue-cache/python-specialist', python);
  const first = await sidecar.call('DELETE', '/api/cache/context/issue-cache');
  expect(first).toMatchObject({ status: 200, body: { cleared: true, entries_removed: 1 } });
  const second = await sidecar.call('DELETE', '/api/cache/context/issue-cache');
  expect(second.body).toEqual({ cleared: true, entries_removed: 0 });
});

test('everything is still there after a restart, and an old cursor goes on', async () => {
  const before = await sidecar.call('GET', '/api/events?limit=1000');
  await sidecar.restart();
  const after = await sidecar.call('GET', '/api/events?limit=1000');
  expect(after.body.events).toEqual(before.body.events);
  const resumed = await sidecar.call('GET', `/api/events?after=${before.body.events[1].cursor}&limit=1`);
  expect(resumed.body.events).toEqual([before.body.events[2]]);
  expect((await sidecar.call('GET', '/api/issues/issue-123', python)).status).toBe(200);
});
