import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestBus } from '../events/test-bus.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { noTracer } from '../telemetry/tracer.ts';
import { externalRecord } from './agent-record.ts';
import { AgentStore } from './agent-store.ts';
import { BudgetWarnings } from './budget-warnings.ts';
import { Ledger } from './ledger.ts';
import { builtInProfiles, loadProfiles } from './profiles/index.ts';
import { Spend } from './spend.ts';

const AGENT = { project_id: 'p', agent_id: 'a' };
let room: TestBus;
let warnings: BudgetWarnings;
let logged: string[];

beforeEach(async () => {
  room = new TestBus();
  logged = [];
  const { database, writer } = room.store;
  const { clock, bus } = room;
  const store = new AgentStore(database);
  const profiles = new Map(
    [...loadProfiles([builtInProfiles()]).profiles].map(([agentType, { value }]) => [agentType, value]),
  );
  const logger = { ...silentLogger, warn: (_fields: object, message: string) => void logged.push(message) };
  const announce: ConstructorParameters<typeof Ledger>[0]['announce'] = (transaction, event) => {
    bus.announce(transaction, event);
  };
  const subscribers = { keep() {}, drop() {} };
  const ledger = new Ledger({ store, announce, subscribers, writer, clock, logger, tracer: noTracer });
  const projectLimits = { tokens: null, costUsd: null, spawns: 1 };
  const spend = new Spend({ store, clock, profiles, projectLimits, present: (agent) => agent });
  warnings = new BudgetWarnings({ spend, tell: (event) => ledger.tell(event), logger });
  const profile = profiles.get('python-specialist');
  if (!profile) throw new Error('there is no python-specialist');
  const record = externalRecord('p', profile, 'a', new Date(clock.nowMs()).toISOString());
  await writer.write((transaction) =>
    store.insert(transaction, { ...record, agent: { ...record.agent, state: 'running' } }),
  );
});
afterEach(() => room[Symbol.dispose]());

const warned = (): string[] => room.log.tail('p', 0).map(({ event_type: type }) => type);
const written = async (): Promise<void> => room.store.writer.write(() => {});
function exchangeBody(body: string): string {
  const { driver } = room.store.database;
  const before = String(driver.prepare('select body from agents').pluck().get());
  driver.prepare('update agents set body = ?').run(body);
  return before;
}

test('a budget that cannot be read is ok for now, and looked at again', async () => {
  const body = exchangeBody('{');
  expect(warnings.look(AGENT)).toBe('ok');
  expect(logged).toEqual(['how far a budget is used could not be read']);
  exchangeBody(body);
  expect(warnings.look(AGENT)).toBe('used_up');
  await written();
  expect(warned()).toEqual(['project_budget_used_up']);
  expect(warnings.look(AGENT)).toBe('used_up');
  await written();
  expect(warned()).toHaveLength(1);
});

test('a warning that the disk refuses is said the next time somebody looks', async () => {
  const { driver } = room.store.database;
  driver.pragma('query_only = 1');
  expect(warnings.look(AGENT)).toBe('used_up');
  await expect.poll(() => logged).toEqual(['a warning about a budget could not be published']);
  driver.pragma('query_only = 0');
  expect(warnings.look(AGENT)).toBe('used_up');
  await written();
  expect(warned()).toEqual(['project_budget_used_up']);
});
