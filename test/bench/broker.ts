import { once } from 'node:events';
import { fork } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fastify } from 'fastify';
import { contract } from '@orchestration-sidecar/shared';
import { Dispatcher } from '../../packages/server/src/api/dispatcher.ts';
import { implement } from '../../packages/server/src/api/implement.ts';
import { OpenCalls } from '../../packages/server/src/api/open-calls.ts';
import { addRestRoutes } from '../../packages/server/src/api/rest.ts';
import { openOperatorToken } from '../../packages/server/src/broker/operator-token.ts';
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
import { noTracer } from '../../packages/server/src/telemetry/tracer.ts';
import { Metrics } from '../../packages/server/src/telemetry/metrics.ts';
import type { Drive } from './broker-client.ts';
import { quantile } from './events/load.ts';

/**
 * What the broker costs: a verified token, and all of it (who, may you, how often, in the queue) beside the same route
 * without it. Both servers live in this process and are called in short slices that take turns, by one client process
 * that lives throughout; what counts are answers and the processor time of this process, as pairs of neighbouring
 * slices. Whatever else the machine does meets both of a pair.
 *
 *     npm run bench -- broker [--pairs 30] [--slice-ms 400]
 */
const { values } = parseArgs({
  options: { pairs: { type: 'string', default: '30' }, 'slice-ms': { type: 'string', default: '400' } },
});
const PAIRS = Number(values.pairs);
const SLICE_MS = Number(values['slice-ms']);
const WARM_UP_MS = 3000;
const IN_FLIGHT = 32;

await measure();

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
    restoredFile: join(directory, 'audit.restored'),
    secret: (bytes) => ids.secret(bytes),
  });
  const tokens = new Tokens({ store: new TokenStore(database), writer, keys, clock, ids, audit });
  const permissions = ['read_context', 'write_results', 'publish_events'] as const;
  const subject = { agentId: 'bench-1', agentType: 'python-specialist', projectId: 'p', permissions };
  const { token } = await tokens.issue(subject);
  const principal = await tokens.verify(token);
  const broker = new Broker({
    tokens,
    operatorToken: openOperatorToken(join(store.directory, 'operator.token'), ids, clock.nowMs()),
    profiles: { get: () => undefined },
    // High enough that none is met: what is measured is what counting costs.
    rateLimits: new RateLimits({ perAgent: 1e6, perAgentType: 1e6, perProject: 1e6 }, clock),
    queue: new AdmissionQueue({ maxRunning: 1024, maxWaiting: 1024, maxWaitMs: 1000 }, clock),
    memory: new MemoryWatch(null),
  });
  const none = Object.assign(Object.create(broker) as Broker, {
    authenticate: () => principal,
    authorise: () => {},
    admit: () => () => {},
  });
  const entry = contract.projects.list;
  const project = { project_id: 'p', root: '/p', created_at: '2026-01-01T00:00:00Z', default: true };
  const answer = implement(entry, () => ({ projects: [project], next_cursor: null }));
  const serve = async (chosen: Broker) => {
    const http = fastify({ logger: false, genReqId: () => ids.uuid() });
    const metrics = new Metrics(() => clock.nowMs());
    const needs = {
      audit,
      broker: chosen,
      clock,
      metrics,
      logger: silentLogger,
      tracer: noTracer,
      checkAnswers: false,
    };
    const dispatcher = new Dispatcher({
      ...needs,
      disk: { mustFit() {} },
      implementations: [answer],
      noteCall: () => () => {},
    });
    addRestRoutes(http, [entry], dispatcher, new OpenCalls());
    const address = await http.listen({ host: '127.0.0.1', port: 0 });
    return { port: Number(new URL(address).port), close: () => http.close() };
  };

  // A text of its own each time, as it comes from a socket.
  const bytes = Buffer.from(`Bearer ${token}`);
  const header = (): string => bytes.toString('latin1');
  const CALLS = 200_000;
  for (const counted of [CALLS / 4, CALLS]) {
    const startMs = performance.now();
    for (let n = 0; n < counted; n += 1) await broker.authenticate(header());
    const us = ((performance.now() - startMs) * 1000) / counted;
    if (counted === CALLS) console.log(`a token that was verified before       ${us.toFixed(2)} µs a request`);
  }

  const servers = { with: await serve(broker), without: await serve(none) };
  type Which = keyof typeof servers;
  const client = fork(join(import.meta.dirname, 'broker-client.ts'));
  const slice = async (which: Which, ms: number): Promise<Slice> => {
    const before = process.cpuUsage();
    const startMs = performance.now();
    client.send({ port: servers[which].port, path: '/api/projects', token, inFlight: IN_FLIGHT, ms } satisfies Drive);
    const [answered] = (await once(client, 'message')) as [number];
    const { user, system } = process.cpuUsage(before);
    return { perSecond: (answered * 1000) / (performance.now() - startMs), cpuUs: (user + system) / answered };
  };
  for (const which of ['without', 'with', 'without', 'with'] as const) await slice(which, WARM_UP_MS / 2);
  const pairs: Record<Which, Slice>[] = [];
  for (let pair = 0; pair < PAIRS; pair += 1) {
    const without = pair % 2 === 0 ? await slice('without', SLICE_MS) : undefined;
    const withBroker = await slice('with', SLICE_MS);
    pairs.push({ with: withBroker, without: without ?? (await slice('without', SLICE_MS)) });
  }
  client.disconnect();
  for (const which of ['without', 'with'] as const) {
    const perSecond = quantile(
      pairs.map((pair) => pair[which].perSecond),
      0.5,
    );
    const cpuUs = quantile(
      pairs.map((pair) => pair[which].cpuUs),
      0.5,
    );
    console.log(
      `the route ${which.padEnd(7)} the broker           ${Math.round(perSecond).toLocaleString('en')} requests/s, ` +
        `${cpuUs.toFixed(1)} µs of CPU each`,
    );
  }
  const lost = (of: (pair: Record<Which, Slice>) => number): string => {
    const shares = pairs.map((pair) => 100 * of(pair));
    const [low, middle, high] = [0.25, 0.5, 0.75].map((q) => quantile(shares, q).toFixed(1));
    return `${middle} % (half of the pairs ${low} to ${high})`;
  };
  console.log(
    `throughput that the broker takes        ${lost((pair) => 1 - pair.with.perSecond / pair.without.perSecond)}`,
  );
  console.log(`processor time that it adds             ${lost((pair) => pair.with.cpuUs / pair.without.cpuUs - 1)}`);
  for (const { close } of Object.values(servers)) await close();
  await audit.close();
}

/** What one slice came to. */
interface Slice {
  readonly perSecond: number;
  /** Of this process, for each answer. */
  readonly cpuUs: number;
}
