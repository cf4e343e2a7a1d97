import { once } from 'node:events';
import { fork } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fastify } from 'fastify';
import { contract } from '@orchestration-sidecar/shared';
import { Dispatcher } from '../../packages/server/src/api/dispatcher.ts';
import { implement } from '../../packages/server/src/api/implement.ts';
import { OpenCalls } from '../../packages/server/src/api/open-calls.ts';
import { addRestRoutes } from '../../packages/server/src/api/rest.ts';
import {
  AdmissionQueue,
  AuditLog,
  AuditStore,
  Broker,
  KEY_OVERLAP_MS,
  MemoryWatch,
  RateLimits,
  SigningKeys,
  Tokens,
  TokenStore,
} from '../../packages/server/src/broker/index.ts';
import { systemClock } from '../../packages/server/src/runtime/clock.ts';
import { createIds } from '../../packages/server/src/runtime/ids.ts';
import { openTemporaryStore } from '../../packages/server/src/storage/temporary-store.ts';
import { silentLogger } from '../../packages/server/src/telemetry/logger.ts';
import { Metrics } from '../../packages/server/src/telemetry/metrics.ts';
import { rateOf } from './events/load.ts';

/**
 * What the broker costs: a verified token, and all of it beside the same route without it, in rounds that take turns.
 *
 *     npm run bench -- broker [--seconds 3] [--rounds 3]
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    drive: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const IN_FLIGHT = 119;

if (values.drive === undefined) await measure();
else await drive(values.drive);

/** Calls a URL from a process of its own, so that its work is not the server’s. */
async function drive(url: string): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT });
  const headers = { authorization: `Bearer ${process.env['BENCH_TOKEN'] ?? ''}` };
  const get = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const sent = request(url, { agent, headers }, (answer) => {
        answer.resume().on('end', () => (answer.statusCode === 200 ? resolve() : reject(new Error('refused'))));
      });
      sent.on('error', reject).end();
    });
  const rate = await rateOf(IN_FLIGHT, seconds, get);
  agent.destroy();
  process.send?.(rate);
}

async function measure(): Promise<void> {
  using store = openTemporaryStore();
  const { database, writer } = store;
  const clock = systemClock;
  const ids = createIds(() => clock.nowMs());
  const directory = join(store.directory, 'keys');
  mkdirSync(directory, { mode: 0o700 });
  const keys = await SigningKeys.open(directory, { clock, overlapMs: KEY_OVERLAP_MS });
  const audit = await AuditLog.open({
    store: new AuditStore(database),
    writer,
    clock,
    logger: silentLogger,
    keyFile: join(directory, 'audit.key'),
    anchorFile: join(directory, 'audit.head'),
    secret: (bytes) => ids.secret(bytes),
  });
  const tokens = new Tokens({ store: new TokenStore(database), writer, keys, clock, ids, audit });
  const permissions = ['read_context', 'write_results', 'publish_events'] as const;
  const subject = { agentId: 'bench-1', agentType: 'python-specialist', projectId: 'p', permissions };
  const { token } = await tokens.issue(subject);
  const principal = await tokens.verify(token);
  const broker = new Broker({
    tokens,
    operatorToken: { matches: () => false },
    profiles: { get: () => undefined },
    // High enough that none is met: what is measured is what counting costs.
    rateLimits: new RateLimits({ perAgent: 1e6, perAgentType: 1e6, perProject: 1e6 }, clock),
    queue: new AdmissionQueue({ maxRunning: 1024, maxWaiting: 1024, maxWaitMs: 1000 }, clock),
    memory: new MemoryWatch(null),
  });
  const none = Object.assign(Object.create(broker) as Broker, {
    authenticate: async () => principal,
    authorise: () => {},
    admit: () => () => {},
  });
  const entry = contract.projects.list;
  const project = { project_id: 'p', root: '/p', created_at: '2026-01-01T00:00:00Z', default: true };
  const answer = implement(entry, () => ({ projects: [project], next_cursor: null }));
  const serve = async (chosen: Broker) => {
    const http = fastify({ logger: false, genReqId: () => ids.uuid() });
    const metrics = new Metrics(() => clock.nowMs());
    const needs = { audit, broker: chosen, clock, metrics, logger: silentLogger, checkAnswers: false };
    const dispatcher = new Dispatcher({ ...needs, implementations: [answer], noteCall: () => () => {} });
    addRestRoutes(http, [entry], dispatcher, new OpenCalls());
    const address = await http.listen({ host: '127.0.0.1', port: 0 });
    return { url: `${address}/api/projects`, close: () => http.close() };
  };

  const CALLS = 200_000;
  for (const counted of [CALLS / 4, CALLS]) {
    const startMs = performance.now();
    for (let n = 0; n < counted; n += 1) await broker.authenticate(`Bearer ${token}`);
    const us = ((performance.now() - startMs) * 1000) / counted;
    if (counted === CALLS) console.log(`a token that was verified before       ${us.toFixed(2)} µs a request`);
  }

  const servers = { with: await serve(broker), without: await serve(none) };
  const rates: Record<keyof typeof servers, number[]> = { with: [], without: [] };
  const cpu: Record<keyof typeof servers, number[]> = { with: [], without: [] };
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const which of round % 2 === 0 ? (['without', 'with'] as const) : (['with', 'without'] as const)) {
      const before = process.cpuUsage();
      const args = ['--drive', servers[which].url, '--seconds', values.seconds];
      const child = fork(import.meta.filename, args, { env: { ...process.env, BENCH_TOKEN: token } });
      const [rate] = (await once(child, 'message')) as [number];
      const { user, system } = process.cpuUsage(before);
      rates[which].push(rate);
      // The rate was driven for half as long before, to warm up.
      cpu[which].push((user + system) / (rate * seconds * 1.5));
    }
  }
  const middle = (numbers: readonly number[]): number =>
    numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
  for (const which of ['without', 'with'] as const) {
    console.log(
      `the route ${which.padEnd(7)} the broker           ${Math.round(middle(rates[which])).toLocaleString('en')} requests/s, ` +
        `${middle(cpu[which]).toFixed(1)} µs of CPU each`,
    );
  }
  const lost = 1 - middle(rates.with) / middle(rates.without);
  console.log(`throughput that the broker takes        ${(lost * 100).toFixed(1)} %`);
  for (const { close } of Object.values(servers)) await close();
  await audit.close();
}
