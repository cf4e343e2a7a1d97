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
  CallerQueues,
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
 * without it. Both servers live in this process and are called in short slices, without, with, with, without, by one
 * client process on connections that stay open; each such round gives one share. Whatever else the machine does meets
 * both halves of a round, and what drifts meets them alike.
 *
 * Judged is the processor time of this process for each answer, as the throughput that it takes from a server which is
 * bound by its processor: another program on the machine takes throughput, but not that. What is said of the median holds
 * at 95 % (order statistics of the binomial distribution); a bound that lies within is not decided.
 *
 *     npm run bench -- broker [--rounds 150] [--slice-ms 100]
 */
const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '150' }, 'slice-ms': { type: 'string', default: '100' } },
});
const ROUNDS = Number(values.rounds);
const SLICE_MS = Number(values['slice-ms']);
const WARM_UP_MS = 3000;
const IN_FLIGHT = 32;
/** Most of the throughput that the broker may take. */
const MAX_SHARE = 0.15;

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
    answers: new CallerQueues({ maxRunning: 8, maxWaiting: 1024, maxWaitMs: 1000 }, clock),
    waits: new CallerQueues({ maxRunning: 8, maxWaiting: 1024, maxWaitMs: 1000 }, clock),
    memory: new MemoryWatch(null),
  });
  const none = Object.assign(Object.create(broker) as Broker, {
    authenticate: () => principal,
    authorise: () => {},
    admit: () => () => {},
    admitAnswer: () => () => {},
  });
  const entry = contract.projects.list;
  const project = { project_id: 'p', root: '/p', created_at: '2026-01-01T00:00:00Z', default: true };
  const answer = implement(entry, () => ({ projects: [project], next_cursor: null }));
  const serve = async (chosen: Broker) => {
    const http = fastify({ logger: false, genReqId: () => ids.uuid() });
    const metrics = new Metrics(() => clock.elapsedMs());
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
    return { answered, ms: performance.now() - startMs, cpuUs: user + system };
  };
  for (const which of ['without', 'with', 'without', 'with'] as const) await slice(which, WARM_UP_MS / 2);
  const rounds: Record<Which, Slice>[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const first = await slice('without', SLICE_MS);
    const withBroker = sum(await slice('with', SLICE_MS), await slice('with', SLICE_MS));
    rounds.push({ with: withBroker, without: sum(first, await slice('without', SLICE_MS)) });
  }
  client.disconnect();
  for (const which of ['without', 'with'] as const) {
    const perSecond = medianOf(rounds.map(({ [which]: { answered, ms } }) => (answered * 1000) / ms)).median;
    const cpuUs = medianOf(rounds.map(({ [which]: { answered, cpuUs: us } }) => us / answered)).median;
    console.log(
      `the route ${which.padEnd(7)} the broker           ${Math.round(perSecond).toLocaleString('en')} requests/s, ` +
        `${cpuUs.toFixed(1)} µs of CPU each`,
    );
  }
  const taken = (cost: (slices: Slice) => number): Median =>
    medianOf(rounds.map((round) => 1 - cost(round.without) / cost(round.with)));
  const measured = taken(({ answered, ms }) => ms / answered);
  const judged = taken(({ answered, cpuUs }) => cpuUs / answered);
  console.log(`throughput that the broker takes        ${shown(measured)}`);
  console.log(`the same by processor time (judged)     ${shown(judged)}`);
  const verdict = judged.high <= MAX_SHARE ? 'yes' : judged.low > MAX_SHARE ? 'no' : 'not decided: more --rounds';
  console.log(`at most ${100 * MAX_SHARE} %                            ${verdict}`);
  for (const { close } of Object.values(servers)) await close();
  await audit.close();
}

/** What came of a time of calling. */
interface Slice {
  readonly answered: number;
  readonly ms: number;
  /** Processor time of this process. */
  readonly cpuUs: number;
}

function sum(a: Slice, b: Slice): Slice {
  return { answered: a.answered + b.answered, ms: a.ms + b.ms, cpuUs: a.cpuUs + b.cpuUs };
}

/** A median, and between what it lies at 95 %. */
interface Median {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** Normal approximation of the binomial ranks, good from some twenty values on. */
function medianOf(sample: readonly number[]): Median {
  const sorted = sample.toSorted((a, b) => a - b);
  const reach = (1.96 * Math.sqrt(sorted.length)) / 2;
  const at = (rank: number): number => sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(rank)))] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return { median: quantile(sorted, 0.5), low: at(Math.floor(middle - reach)), high: at(Math.ceil(middle + reach)) };
}

function shown({ median, low, high }: Median): string {
  const [middle, least, most] = [median, low, high].map((share) => (100 * share).toFixed(1));
  return `${middle} % (median; ${least} to ${most} at 95 %)`;
}
