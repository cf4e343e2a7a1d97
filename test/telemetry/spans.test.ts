import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { profileOverlay } from '../support/agents-under-test.ts';
import { openCollector, type CollectedSpan, type Collector } from '../support/otlp-collector.ts';
import { startForTest } from '../support/sidecar-under-test.ts';
import { startServer, type ServerUnderTest } from '../support/server-process.ts';

const PATIENCE = { timeout: 30_000 };
const CANARY = 'canary-9f2d7c';
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const scratch = mkdtempSync(join(tmpdir(), 'sidecar-spans-'));
const [seen, go] = [join(scratch, 'seen'), join(scratch, 'go')];
/** Says what it goes on with, waits, and hands in. */
const AGENT = `#!/bin/bash
echo "$TRACEPARENT" >'${seen}.part' && mv '${seen}.part' '${seen}'
while [ ! -e '${go}' ]; do sleep 0.05; done
echo '{"issue_id":"'"$ISSUE_ID"'","result":{"status":"success","summary":"${CANARY} done"}}' | "$SIDECAR_SEND" /results
`;

let collector: Collector;
let server: ServerUnderTest;
beforeAll(async () => {
  collector = await openCollector();
  const program = join(scratch, 'agent.sh');
  writeFileSync(program, AGENT, { mode: 0o755 });
  profileOverlay(scratch, 'python-specialist', { launcher: { kind: 'command', program } });
  mkdirSync(join(scratch, 'workflows'));
  const phases = [{ name: 'work', run: { by: 'agents', agents: ['python-specialist'] }, task: `${CANARY} do it` }];
  const limits = { max_spawns: 5, max_wall_seconds: 600 };
  const workflow = { name: 'traced', description: 'For tests.', phases, limits };
  writeFileSync(join(scratch, 'workflows', 'traced.json'), JSON.stringify(workflow));
  server = await startServer({
    SIDECAR_PROFILES: scratch,
    SIDECAR_LOG_LEVEL: 'debug',
    OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${CANARY},tenant=a`,
    OTEL_SERVICE_NAME: 'sidecar-under-test',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=a%20test, service.name=another',
    OTEL_SEMCONV_STABILITY_OPT_IN: 'http,gen_ai_latest_experimental',
  });
}, 120_000);
afterAll(async () => {
  await server.stop();
  collector.close();
  rmSync(scratch, { recursive: true, force: true });
}, 60_000);

const named = (name: string): CollectedSpan[] => collector.spans.filter((span) => span.name === name);

test('one trace leads from a request to its event, phase, agent and result, across a restart', async () => {
  const created = await server.call('POST', '/api/issues', {
    body: { issue_id: 'i-1', title: CANARY, workflow: 'traced' },
    headers: { traceparent: `00-${TRACE}-${CALLER}-01`, 'x-correlation-id': 'id-to-follow' },
  });
  expect(created.status).toBe(200);
  const traceparent = (): string => readFileSync(seen, 'utf8').trim();
  await expect.poll(traceparent, PATIENCE).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));

  // What is sent by then outlives the kill.
  await expect.poll(() => named('issues.create').length, PATIENCE).toBe(1);
  await server.kill();
  await server.start();
  writeFileSync(go, '');
  const outcome = async (): Promise<string> => (await server.call('GET', '/api/issues/i-1')).body.status;
  await expect.poll(outcome, PATIENCE).toBe('resolved');
  await expect.poll(() => named('invoke_agent python-specialist').length, PATIENCE).toBe(1);
  await expect.poll(() => named('phase work').length, PATIENCE).toBe(1);
  await expect.poll(() => named('results.store').length, PATIENCE).toBe(1);

  const [agent] = named('invoke_agent python-specialist');
  const [phase] = named('phase work');
  const [stored] = named('results.store');
  const [asked] = named('issues.create');
  expect(traceparent()).toBe(`00-${TRACE}-${agent?.spanId}-01`);
  expect(agent).toMatchObject({ traceId: TRACE, parentSpanId: phase?.spanId, kind: 1, status: 0 });
  expect(stored).toMatchObject({ traceId: TRACE, parentSpanId: agent?.spanId, kind: 2 });
  expect(phase).toMatchObject({ traceId: TRACE, parentSpanId: asked?.spanId });
  expect(asked).toMatchObject({ traceId: TRACE, parentSpanId: CALLER, kind: 2 });
  const { events } = (await server.call('GET', '/api/events?event_type=issue_created')).body;
  expect(events).toMatchObject([{ traceparent: `00-${TRACE}-${asked?.spanId}-01` }]);
  expect(agent?.endMs).toBeGreaterThan(agent?.startMs ?? Infinity);
  expect(agent?.attributes).toMatchObject({
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.agent.name': 'python-specialist',
    'gen_ai.agent.id': expect.stringMatching(/^python-specialist-/),
    'gen_ai.provider.name': '_OTHER',
    'sidecar.issue_id': 'i-1',
  });
  const commits = named('commit').filter(({ traceId }) => traceId === TRACE);
  expect(commits.map(({ parentSpanId }) => parentSpanId)).toContain(stored?.spanId);
  expect(collector.resource).toMatchObject({
    'service.name': 'sidecar-under-test',
    'deployment.environment.name': 'a test',
  });
}, 120_000);

test('a spawn shows its context and start below the agent; a refused request shows its code', async () => {
  const spawned = await server.call('POST', '/api/agents/spawn', {
    body: { agent_type: 'python-specialist', issue_id: 'unknown', task: `${CANARY} again` },
    headers: { traceparent: `00-${'b'.repeat(32)}-${CALLER}-01` },
  });
  expect(spawned.body.code).toBe('ISSUE_NOT_FOUND');
  await server.call('POST', '/api/issues', { body: { issue_id: 'i-2', title: 'No workflow' } });
  const { body } = await server.call('POST', '/api/agents/spawn', {
    body: { agent_type: 'python-specialist', issue_id: 'i-2', task: `${CANARY} again` },
    headers: { traceparent: `00-${'c'.repeat(32)}-${CALLER}-01` },
  });
  // Not recorded by whoever began the trace, so not here either.
  await server.call('GET', '/api/issues/i-2', { headers: { traceparent: `00-${'d'.repeat(32)}-${CALLER}-00` } });
  const mine = (name: string): CollectedSpan | undefined =>
    named(name).find(({ traceId }) => traceId === 'c'.repeat(32));
  await expect.poll(() => mine('invoke_agent python-specialist'), PATIENCE).toBeDefined();
  await expect.poll(() => mine('context'), PATIENCE).toBeDefined();
  const request = mine('agents.spawn');
  const agent = mine('invoke_agent python-specialist');
  expect(agent).toMatchObject({
    parentSpanId: request?.spanId,
    attributes: { 'gen_ai.agent.id': body.agent_id, 'sidecar.state': 'exited', 'sidecar.attempts': 1 },
  });
  expect(mine('spawn')).toMatchObject({ parentSpanId: agent?.spanId });
  expect(mine('context')).toMatchObject({
    parentSpanId: mine('spawn')?.spanId,
    attributes: { 'sidecar.issue_id': 'i-2' },
  });
  const refused = named('agents.spawn').find(({ traceId }) => traceId === 'b'.repeat(32));
  // The caller’s fault is no error of the sidecar.
  expect(refused).toMatchObject({ attributes: { 'error.type': 'ISSUE_NOT_FOUND' }, status: 0 });
  expect(collector.text).not.toContain('d'.repeat(32));
});

test('no secret, task, title or result is in a span, and the collector’s credentials are in no log', async () => {
  expect(collector.headers[0]).toMatchObject({ authorization: `Bearer ${CANARY}`, tenant: 'a' });
  expect(collector.text.length).toBeGreaterThan(1000);
  const token = readFileSync(join(server.dataDir, 'operator.token'), 'utf8').trim();
  for (const secret of [CANARY, token, 'Bearer', 'eyJ']) expect(collector.text).not.toContain(secret);
  const log = readFileSync(join(server.dataDir, 'logs/sidecar.log'), 'utf8');
  expect(log).toContain(`"trace_id":"${TRACE}"`);
  for (const secret of [CANARY, token]) expect(log).not.toContain(secret);
  const metrics = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
  expect(metrics).toMatch(/^sidecar_trace_spans_total\{outcome="exported"\} [1-9]/m);
  expect(metrics).toMatch(/^sidecar_trace_spans_total\{outcome="failed"\} 0$/m);
});

test('what is left is sent at shutdown', async () => {
  await server.call('GET', '/api/issues/i-2', { headers: { traceparent: `00-${'e'.repeat(32)}-${CALLER}-01` } });
  await server.terminate();
  expect(collector.spans.some(({ traceId }) => traceId === 'e'.repeat(32))).toBe(true);
});

test('a collector that does not answer holds up neither work nor the end', async () => {
  const silent = await openCollector({ silent: true });
  const sidecar = await startForTest({ otlpEndpoint: silent.url });
  await sidecar.createIssue('i-1');
  await expect.poll(() => silent.waiting, PATIENCE).toBe(1);
  expect((await sidecar.call('GET', '/api/issues/i-1')).status).toBe(200);
  await sidecar[Symbol.asyncDispose]();
  // It still waits: nobody has waited for it to give up.
  expect(silent.waiting).toBeGreaterThan(0);
  silent.close();
}, 60_000);

test('a collector that is not there costs spans and one line of the log', async () => {
  const gone = await openCollector();
  gone.close();
  await using sidecar = await startForTest({ otlpEndpoint: gone.url });
  const failed = async (): Promise<string> =>
    /outcome="failed"\} (\d+)/.exec((await sidecar.call('GET', '/metrics', { token: null })).body)?.[1] ?? '';
  await sidecar.createIssue('i-1');
  await expect.poll(failed, PATIENCE).toMatch(/^[1-9]/);
  const log = (): string => readFileSync(join(sidecar.dataDir, 'logs/sidecar.log'), 'utf8');
  await expect.poll(() => log().match(/the collector takes no spans/g)?.length).toBe(1);
}, 60_000);
