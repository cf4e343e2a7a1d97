import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { runCrowd } from '../support/crowd.ts';
import { startServer, type ServerUnderTest } from '../support/server-process.ts';

/**
 * Many agents at once: all are spawned in one go, get their context, store a result and end. Then as many that only
 * sleep, while the list of them is polled. Linux only.
 *
 *     node --conditions=@orchestration-sidecar/source test/bench/agents.ts [--agents 119]
 */
const { values } = parseArgs({ options: { agents: { type: 'string', default: '119' } } });
const count = Number(values.agents);
const POLLS_PER_SECOND = 5;
const POLL_SECONDS = 10;

const server = await startServer();
try {
  const atRest = readStatusMb(server, 'VmRSS');
  // What the sidecar opens once (workers, watches) is open after the first few.
  await runCrowd(server, 'first-few', 8);
  const cpuBeforeMs = cpuMs(server);
  const report = await runCrowd(server, 'crowd', count);
  const cpuUsedMs = cpuMs(server) - cpuBeforeMs;
  row('agents', count);
  row('ended well', report.states['exited'] ?? 0);
  row('results stored', report.results);
  row('request to first agent code, first', report.firstCodeMs[0], 'ms');
  row('request to first agent code, median', report.firstCodeMs[Math.floor(count / 2)], 'ms');
  row('request to first agent code, last', report.firstCodeMs.at(-1), 'ms');
  row('all ended after', report.totalMs, 'ms');
  row('processor time of the sidecar for all of it', cpuUsedMs, 'ms');
  row('memory of the sidecar at the start', atRest, 'MiB');
  row('memory of the sidecar, peak', report.peakMb, 'MiB');
  row('memory of the sidecar after', report.residentMb, 'MiB');
  row('zombies', report.zombies);
  row('leaked descriptors', report.leaked.length);
  if (report.states['exited'] !== count) process.exitCode = 1;
  await measureIdle();
} finally {
  await server.call('POST', '/api/agents/stop', { body: {} });
  await server.stop();
}

/** What it costs to watch many agents that do nothing, and to list them. */
async function measureIdle(): Promise<void> {
  const body = {
    agent_type: 'python-specialist',
    issue_id: 'crowd',
    task: 'Sleep',
    launcher: { kind: 'command', program: 'sleep', args: ['600'] },
  };
  await Promise.all(Array.from({ length: count }, () => server.call('POST', '/api/agents/spawn', { body })));
  row('CPU while they sleep', await cpuPercent(() => pause(POLL_SECONDS * 1000)), '% of a core');
  const latencies: number[] = [];
  const polling = await cpuPercent(async () => {
    for (let poll = 0; poll < POLLS_PER_SECOND * POLL_SECONDS; poll += 1) {
      const startedMs = performance.now();
      await server.call('GET', '/api/agents?live=true&limit=200');
      latencies.push(performance.now() - startedMs);
      await pause(Math.max(0, 1000 / POLLS_PER_SECOND - (performance.now() - startedMs)));
    }
  });
  row(`CPU while they are listed ${POLLS_PER_SECOND} times a second`, polling, '% of a core');
  latencies.sort((a, b) => a - b);
  row('list of all, median', latencies[Math.floor(latencies.length / 2)], 'ms');
  row('list of all, p95', latencies[Math.floor(latencies.length * 0.95)], 'ms');
}

async function cpuPercent(work: () => Promise<unknown>): Promise<number> {
  const [beforeMs, startedMs] = [cpuMs(server), performance.now()];
  await work();
  return ((cpuMs(server) - beforeMs) / (performance.now() - startedMs)) * 100;
}

function cpuMs({ pid }: ServerUnderTest): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function readStatusMb({ pid }: ServerUnderTest, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? NaN) / 1024;
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

function row(what: string, value: number | undefined, unit = ''): void {
  const shown = value === undefined ? 'unknown' : value.toFixed(unit === '' || value >= 100 ? 0 : 1);
  console.log(`${what.padEnd(48)} ${shown.padStart(8)} ${unit}`);
}
