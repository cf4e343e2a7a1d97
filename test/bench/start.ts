import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { ensureBundled } from '../../scripts/bundle.mjs';
import { startServer } from '../support/server-process.ts';
import { quantile } from './events/load.ts';

/**
 * How long a sidecar takes to be ready: `npm run bench -- start [--rounds 15] [--events 10000]`. The bundled server is
 * started again and again on a store that exists, as `npm start` does; counted from the start of its process until
 * `/health/ready` has answered 200. Each start has a bare `node -e` beside it, which is what Node itself takes. Processor
 * time stands beside the time that passes: on a busy machine it is the one that says something.
 */
const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '15' }, events: { type: 'string', default: '10000' } },
});
const rounds = Number(values.rounds);
const main = ensureBundled(process.execPath);
const server = await startServer();
await fill(Number(values.events));
await server.terminate();

const bare: Start[] = [];
const ready: Start[] = [];
for (let round = 0; round < rounds; round += 1) {
  bare.push(bareStart());
  ready.push(await timedStart());
}
await server.stop();
const beyond = ready.map(({ ms, cpuMs }, round) => ({
  ms: ms - (bare[round]?.ms ?? 0),
  cpuMs: cpuMs - (bare[round]?.cpuMs ?? 0),
}));
const report = { 'node itself': spread(bare), ready: spread(ready), 'beyond node itself': spread(beyond) };
console.table(report);
console.log(JSON.stringify(report));

interface Start {
  readonly ms: number;
  readonly cpuMs: number;
}

function bareStart(): Start {
  const startedMs = performance.now();
  const { stdout } = spawnSync(process.execPath, ['-p', 'const { user, system } = process.cpuUsage(); user + system']);
  return { ms: performance.now() - startedMs, cpuMs: Number(stdout) / 1000 };
}

async function timedStart(): Promise<Start> {
  const { dataDir, project } = server;
  const startedMs = performance.now();
  const child = spawn(process.execPath, [main, 'serve', '--data-dir', dataDir, '--project', project, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const exited = once(child, 'exit');
  try {
    for await (const line of createInterface(child.stdout)) {
      const url = /http:\S+/.exec(line)?.[0];
      if (url === undefined) continue;
      const { ok } = await fetch(new URL('/health/ready', url));
      if (ok) return { ms: performance.now() - startedMs, cpuMs: cpuMsOf(child.pid ?? 0) };
    }
    throw new Error('the sidecar ended before it was ready');
  } finally {
    child.kill();
    await exited;
  }
}

/** What a process has used of the processor, user and system; Linux counts it in hundredths of a second. */
function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function fill(events: number): Promise<void> {
  const data = { note: 'x'.repeat(400) };
  for (let left = events; left > 0; left -= 100) {
    const batch = Array.from({ length: Math.min(left, 100) }, () => ({ event_type: 'progress_updated', data }));
    const { status, body } = await server.call('POST', '/api/events', { body: { events: batch } });
    if (status >= 300) throw new Error(JSON.stringify(body));
  }
}

function spread(starts: readonly Start[]): Record<string, number> {
  const ms = starts.map((start) => start.ms);
  return {
    'min, ms': Math.round(quantile(ms, 0)),
    'median, ms': Math.round(quantile(ms, 0.5)),
    'max, ms': Math.round(quantile(ms, 1)),
    'median CPU, ms': Math.round(
      quantile(
        starts.map((start) => start.cpuMs),
        0.5,
      ),
    ),
  };
}
