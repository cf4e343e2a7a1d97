import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startServer, type ServerUnderTest } from '../support/server-process.ts';
import { runLoad } from './load.ts';
import { latenciesOf, Residence } from './measurements.ts';
import { faultsOf, print } from './report.ts';
import { makeAgents } from './soak-agents.ts';
import { inspectStore } from './stored.ts';

/**
 * One agent of every kind calls everything for a while, at a steady rate, and a few real processes come and go beside
 * them. Fails on errors, on anything acknowledged that is lost, on a damaged store and on memory that grows. Linux only.
 *
 *     npm run soak -- [--minutes 30] [--rate 110]
 */
const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '30' }, rate: { type: 'string', default: '110' } },
});
const minutes = Number(values.minutes);
const rate = Number(values.rate);
if (!(minutes > 0 && rate > 0)) throw new Error('--minutes and --rate are numbers above zero');

const SAMPLE_EVERY_MS = 1000;
const SPAWN_EVERY_MS = 10_000;
const PROCESS_ISSUE = 'soak-processes';
const program = resolve(import.meta.dirname, '../fixtures/agents/crowd-agent.sh');

const server = await startServer();
try {
  const agents = await makeAgents(server);
  const residence = new Residence(server.pid);
  const delays: number[] = [];
  const over = new AbortController();
  const beside = Promise.all([
    every(SAMPLE_EVERY_MS, over.signal, async () => {
      residence.sample();
      const delay = await eventLoopDelayMs(server);
      if (delay !== undefined) delays.push(delay);
    }),
    spawnBeside(server, over.signal),
  ]);
  const startedMs = performance.now();
  const load = await runLoad(agents, { seconds: minutes * 60, rate, random: Math.random });
  const elapsedSeconds = (performance.now() - startedMs) / 1000;
  over.abort();
  await beside;
  for (const agent of agents) agent.close();
  const processes = await processStates(server);
  const all = [...load.latencies.values()].flat();
  const failed = [...load.errors.values()].reduce((sum, count) => sum + count, 0);
  const latencies = [...load.latencies].map(([name, samples]) => [name, latenciesOf(samples)] as const);
  const report = {
    minutes,
    rate,
    requests: all.length + failed,
    requestsPerSecond: (all.length + failed) / elapsedSeconds,
    errors: Object.fromEntries(load.errors),
    latencies: { ...Object.fromEntries(latencies), delivery: latenciesOf(load.deliveries), overall: latenciesOf(all) },
    memoryThirdsMb: residence.memoryThirdsMb,
    mostDescriptors: residence.mostDescriptors,
    lastDescriptors: residence.lastDescriptors,
    eventLoopDelayP99Ms: delays.length === 0 ? null : delays.reduce((a, b) => Math.max(a, b)),
    processes,
    ...inspectStore(server.dataDir, load.events, load.results),
  };
  print(report);
  const faults = faultsOf(report);
  for (const fault of faults) console.log(`FAULT: ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
} finally {
  await server.stop();
}

async function every(periodMs: number, signal: AbortSignal, act: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await act();
    // Ends early with the run.
    await sleep(periodMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Real processes, one after the other; each reads its context, stores a result and ends. */
async function spawnBeside(sidecar: ServerUnderTest, signal: AbortSignal): Promise<void> {
  await sidecar.call('POST', '/api/issues', { body: { issue_id: PROCESS_ISSUE, title: 'Real processes' } });
  const body = {
    agent_type: 'python-specialist',
    issue_id: PROCESS_ISSUE,
    task: 'One of many',
    launcher: { kind: 'command', program },
  };
  await every(SPAWN_EVERY_MS, signal, async () => {
    const { status, body: refusal } = await sidecar.call('POST', '/api/agents/spawn', { body });
    if (status !== 201) throw new Error(`spawn was refused: ${JSON.stringify(refusal)}`);
  });
}

/** Waits until the processes have ended, a minute at most. */
async function processStates(sidecar: ServerUnderTest): Promise<Record<string, number>> {
  for (const deadlineMs = Date.now() + 60_000; Date.now() < deadlineMs; await sleep(200)) {
    const { body } = await sidecar.call('GET', `/api/agents?issue_id=${PROCESS_ISSUE}&live=true`);
    if (body.agents.length === 0) break;
  }
  const { body } = await sidecar.call('GET', `/api/agents?issue_id=${PROCESS_ISSUE}&limit=1000`);
  const states = Map.groupBy(body.agents, (agent: { state: string }) => agent.state);
  return Object.fromEntries([...states].map(([state, all]) => [state, all.length]));
}

async function eventLoopDelayMs({ port }: ServerUnderTest): Promise<number | undefined> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const seconds = /^nodejs_eventloop_lag_p99_seconds(?:\{[^}]*\})? ([\d.e+-]+)$/m.exec(text)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
