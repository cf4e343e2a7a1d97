import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SidecarError, type Profile } from '@orchestration-sidecar/shared';
import { systemClock } from '../runtime/clock.ts';
import { openTemporaryStore, type TemporaryStore } from '../storage/temporary-store.ts';
import { noTracer } from '../telemetry/tracer.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { newRecord } from './agent-record.ts';
import { AgentStore } from './agent-store.ts';
import { Ledger } from './ledger.ts';
import { failedForGood, mayBecome, requeued, starting, stopped } from './life-cycle.ts';
import { builtInProfiles, loadProfiles } from './profiles/index.ts';

const AT = '2026-01-01T00:00:00.000Z';
const never = new AbortController().signal;
const told: string[] = [];
const logged: string[] = [];
let store: TemporaryStore;
let ledger: Ledger;
let profile: Profile;

beforeEach(async () => {
  told.length = 0;
  logged.length = 0;
  store = openTemporaryStore();
  const found = loadProfiles([builtInProfiles()]).profiles.get('python-specialist')?.value;
  if (!found) throw new Error('there is no python-specialist');
  profile = found;
  ledger = new Ledger({
    store: new AgentStore(store.database),
    writer: store.writer,
    // What is told is looked at, and rolled back with the transaction like a real log.
    announce(transaction, event) {
      transaction.afterCommit(() => told.push(event.eventType));
    },
    subscribers: { keep() {}, drop() {} },
    clock: systemClock,
    tracer: noTracer,
    logger: { ...silentLogger, error: (_fields: object, message: string) => void logged.push(message) },
  });
  const request = {
    profile,
    project: { project_id: 'p', root: '/' },
    issue: { issue_id: 'i', title: '', body: '' },
    task: 'Do it',
    requirements: [],
    environment: {},
    launcher: profile.launcher,
    parentId: null,
    permissions: [],
    correlationId: 'c',
  };
  await ledger.register(undefined, profile, () => ({
    record: newRecord(request, 'a', 'queued', AT, { traceparent: null }),
    events: [],
  }));
});
afterEach(() => store[Symbol.dispose]());

test('an agent ends once: who comes second changes nothing and tells nothing', async () => {
  const failure = { reason: 'lost' as const, detail: 'gone' };
  const [first, second] = await Promise.all([
    ledger.take('a', (record) => stopped(record, 'enough', null, AT)),
    ledger.take('a', (record) => failedForGood(record, failure, null, AT)),
  ]);
  expect([first.state, second.state]).toEqual(['stopped', 'stopped']);
  expect((await ledger.take('a', (record) => starting(record, AT))).state).toBe('stopped');
  expect(told).toEqual(['agent_stopped']);
});

test('no state leads back from an end', () => {
  for (const end of ['exited', 'failed', 'stopped'] as const) {
    for (const state of ['queued', 'starting', 'running', 'stopping', 'exited', 'failed', 'stopped'] as const) {
      expect(mayBecome(end, state)).toBe(false);
    }
  }
});

test('an end that the full disk does not take is written when there is room again', async () => {
  const { driver } = store.database;
  const pages = Number(driver.pragma('page_count', { simple: true }));
  driver.pragma(`max_page_count = ${pages}`);
  const large = 'x'.repeat(1024 * 1024);
  await expect(
    ledger.take('a', (record) => stopped({ ...record, correlationId: large }, 'enough', null, AT)),
  ).rejects.toThrow(SidecarError);
  const insisting = ledger.insist(
    'a',
    (record) => stopped({ ...record, correlationId: large }, 'enough', null, AT),
    never,
  );
  await vi.waitFor(() => expect(logged).toHaveLength(1));
  expect(ledger.require('a').agent.state).toBe('queued');
  expect(told).toEqual([]);
  driver.pragma('max_page_count = 1000000');
  expect((await insisting).state).toBe('stopped');
  expect(told).toEqual(['agent_stopped']);
});

test('a start that was called off goes back to the queue with its attempt unspent', async () => {
  await ledger.take('a', (record) => starting(record, AT));
  expect(await ledger.take('a', (record) => requeued(record, AT))).toMatchObject({ state: 'queued', attempt: 1 });
});
