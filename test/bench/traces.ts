import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { contract } from '@orchestration-sidecar/shared';
import { Dispatcher } from '../../packages/server/src/api/dispatcher.ts';
import { implement } from '../../packages/server/src/api/implement.ts';
import type { Broker } from '../../packages/server/src/broker/index.ts';
import { systemClock } from '../../packages/server/src/runtime/clock.ts';
import { silentLogger } from '../../packages/server/src/telemetry/logger.ts';
import { Metrics } from '../../packages/server/src/telemetry/metrics.ts';
import { openOtlpTracer } from '../../packages/server/src/telemetry/otlp-tracer.ts';
import { noTracer, type Tracer } from '../../packages/server/src/telemetry/tracer.ts';

/**
 * What traces cost a request, in rounds that take turns: without them, without them once more (how far two equal ones
 * are apart), with them and not recorded, and recorded and sent to a collector in a process of its own.
 *
 *     npm run bench -- traces [--calls 20000] [--rounds 7]
 */
const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '7' },
    collect: { type: 'boolean', default: false },
  },
});
const calls = Number(values.calls);
const IN_FLIGHT = 64;

if (values.collect) collect();
else await measure();

/** Takes what comes and answers at once. */
function collect(): void {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  process.once('disconnect', () => process.exit());
}

async function measure(): Promise<void> {
  const collector = fork(import.meta.filename, ['--collect']);
  const [port] = (await once(collector, 'message')) as [number];
  const options = {
    endpoint: `http://127.0.0.1:${port}`,
    headers: {},
    serviceName: 'bench',
    resourceAttributes: {},
    version: '0',
    genAi: '1.36',
    logger: silentLogger,
  } as const;
  const recorded = await openOtlpTracer({ ...options, sampleRatio: 1 });
  const passed = await openOtlpTracer({ ...options, sampleRatio: 0 });
  const variants = {
    off: dispatcherWith(noTracer),
    'off again': dispatcherWith(noTracer),
    'on, not recorded': dispatcherWith(passed),
    'on, recorded': dispatcherWith(recorded),
  };
  const names = Object.keys(variants) as (keyof typeof variants)[];
  const us = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = 0; round < Number(values.rounds) + 1; round += 1) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const each = await cpuOf(variants[name]);
      // The first round warms up.
      if (round > 0) us.get(name)?.push(each);
    }
  }
  for (const [name, rounds] of us) {
    const sorted = rounds.toSorted((a, b) => a - b);
    const middle = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
    const range = `${sorted[0]?.toFixed(2)} to ${sorted.at(-1)?.toFixed(2)}`;
    console.log(`${name.padEnd(18)} ${middle.toFixed(2).padStart(7)} µs of CPU a request (${range})`);
  }
  await Promise.all([recorded.close(), passed.close()]);
  console.log('spans', JSON.stringify(recorded.counts()));
  collector.disconnect();
}

/** A dispatcher with one procedure and nobody to ask, so that little but the way of a request is measured. */
function dispatcherWith(tracer: Tracer): Dispatcher {
  const principal = { kind: 'operator' } as const;
  const broker = Object.assign(Object.create(null) as Broker, {
    authenticate: async () => principal,
    authorise: () => {},
    admit: () => () => {},
  });
  const project = { project_id: 'p', root: '/p', created_at: '2026-01-01T00:00:00Z', default: true };
  const answer = implement(contract.projects.list, () => ({ projects: [project], next_cursor: null }));
  return new Dispatcher({
    audit: { record: async () => {}, count: () => {} },
    broker,
    clock: systemClock,
    metrics: new Metrics(() => systemClock.elapsedMs()),
    logger: silentLogger,
    tracer,
    checkAnswers: false,
    implementations: [answer],
    disk: { mustFit() {} },
    noteCall: () => () => {},
  });
}

/** Microseconds of CPU of one call, spans sent along included. */
async function cpuOf(dispatcher: Dispatcher): Promise<number> {
  const { signal } = new AbortController();
  const before = process.cpuUsage();
  for (let done = 0; done < calls; done += IN_FLIGHT) {
    await Promise.all(
      Array.from({ length: IN_FLIGHT }, () =>
        dispatcher.dispatch('projects.list', {}, { authorization: undefined, correlationId: 'c', signal }),
      ),
    );
    // Lets spans be sent as they would be between requests.
    await new Promise(setImmediate);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}
