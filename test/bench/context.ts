import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Profile } from '@orchestration-sidecar/shared';
import { createContextInjector, type ContextRequest } from '../../packages/server/src/context/index.ts';
import { ensureBundled } from '../../scripts/bundle.mjs';
import { startServer } from '../support/server-process.ts';
import type { Answer } from '../support/sidecar-under-test.ts';
import { writeRepository } from './context/generated-repository.ts';

/**
 * How fast a context is gathered: cold, warm and after an edit, beside the floor (`git ls-files` and reading each file)
 * and repomix, on generated repositories, all in one run.
 *
 *     npm run bench:context -- [--files 300,5000] [--no-repomix]
 *
 * The worker is the bundled one, as `npm start` runs it. `started` is the first request of a sidecar that has just been
 * started; `cold` the first for a tree that a running sidecar has never seen.
 */
const { values } = parseArgs({
  options: { files: { type: 'string', default: '300,5000,50000' }, 'no-repomix': { type: 'boolean', default: false } },
});

const PROFILE = Profile.parse(
  JSON.parse(readFileSync(new URL('../../profiles/agents/javascript-pro.json', import.meta.url), 'utf8')),
);
const WARM_REQUESTS = 300;
const EDITS = 15;
const HEALTH_REQUESTS = 200;
const HEALTH_EVERY_MS = 5;

const workerEntry = pathToFileURL(join(dirname(ensureBundled(process.execPath)), 'context-worker.js'));
const place = mkdtempSync(join(tmpdir(), 'sidecar-bench-'));
/** Small projects that a running sidecar has served before. */
const others = ['a', 'b'].map((name) => join(place, name));
try {
  for (const other of others) writeRepository(other, 200);
  console.log('files   what                      ms        peak MB');
  for (const count of values.files.split(',').map(Number)) await measureAt(count);
} finally {
  rmSync(place, { recursive: true, force: true });
}

async function measureAt(count: number): Promise<void> {
  const root = join(place, String(count));
  const words = writeRepository(root, count);
  const row = (what: string, ms: number, peakMb?: number): void =>
    console.log(
      `${String(count).padEnd(7)} ${what.padEnd(25)} ${ms.toFixed(ms < 10 ? 2 : 0).padStart(8)}  ${peakMb?.toFixed(0).padStart(8) ?? ''}`,
    );

  row(
    'floor',
    median(3, () => readEverything(root)),
  );
  const [started, cold]: [number[], number[]] = [[], []];
  for (let round = 0; round < 3; round++) {
    const injector = open(round + count);
    started.push(await timed(() => injector.gather(request(root, words))));
    await injector.close();
    const running = open(round + count + 5);
    for (const other of others) await settled(running, request(other, words));
    cold.push(await timed(() => running.gather(request(root, words))));
    await running.close();
  }
  row('started', middle(started), process.resourceUsage().maxRSS / 1024);
  row('cold', middle(cold), process.resourceUsage().maxRSS / 1024);

  const injector = open(count + 10);
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  await injector.gather(request(root, words));
  loop.disable();
  row('event loop p99, cold', loop.percentile(99) / 1e6);
  await settled(injector, request(root, words));
  const warm: number[] = [];
  for (let asked = 0; asked < WARM_REQUESTS; asked++)
    warm.push(await timed(() => injector.gather(request(root, words))));
  warm.sort((a, b) => a - b);
  row('warm p50', percentile(warm, 0.5));
  row('warm p99', percentile(warm, 0.99));
  const edits: number[] = [];
  for (let edit = 0; edit < EDITS; edit++) {
    appendFileSync(join(root, 'src/area0/module0.ts'), `// edit ${edit}\n`);
    edits.push(await timed(() => injector.gather(request(root, words))));
  }
  row('after an edit, median', middle(edits));
  await injector.close();
  const health = await healthWhileGathering(root, words);
  row('/health p99, gathering', percentile(health.gathering, 0.99));
  row('/health max, gathering', health.gathering.at(-1) ?? 0);
  row('/health p99, idle', percentile(health.idle, 0.99));
  if (!values['no-repomix']) {
    for (const [what, args] of [
      ['repomix', []],
      ['repomix --compress', ['--compress']],
    ] as const) {
      const { ms, peakMb, failed } = repomix(root, args);
      if (failed) console.log(`${count}  ${what}: could not be run`);
      else row(what, ms, peakMb);
    }
  }
}

/**
 * How long `/health` takes over HTTP, asked by one client every few milliseconds while a sidecar in a process of its own
 * gathers a tree it has never seen; and as often while it does nothing. Ascending milliseconds.
 */
async function healthWhileGathering(
  root: string,
  words: readonly string[],
): Promise<{ readonly gathering: number[]; readonly idle: number[] }> {
  const server = await startServer();
  const ask = async (until: () => boolean): Promise<number[]> => {
    const times: number[] = [];
    while (!until()) {
      times.push(await timed(() => succeeded(server.call('GET', '/health'))));
      await pause(HEALTH_EVERY_MS);
    }
    return times.toSorted((a, b) => a - b);
  };
  try {
    const { issue } = request(root, words);
    await succeeded(server.call('POST', '/api/projects', { body: { project_id: 'bench', root } }));
    const body = { issue_id: 'bench-1', project_id: 'bench', title: issue.title, body: issue.body };
    await succeeded(server.call('POST', '/api/issues', { body }));
    let asked = 0;
    const idle = await ask(() => asked++ === HEALTH_REQUESTS);
    let done = false;
    const path = `/api/context/bench-1/${PROFILE.agent_type}?project_id=bench`;
    const gathered = succeeded(server.call('GET', path)).finally(() => (done = true));
    const gathering = await ask(() => done);
    await gathered;
    return { gathering, idle };
  } finally {
    await server.stop();
  }
}

async function succeeded(call: Promise<Answer>): Promise<void> {
  const { status, body } = await call;
  if (status >= 300) throw new Error(`the sidecar answered ${status}: ${JSON.stringify(body)}`);
}

/** Asks until answers come at once: the watch settles behind the first one, and would take part in what is measured next. */
async function settled(injector: ReturnType<typeof open>, asked: ContextRequest): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (let quick = 0; quick < 20 && performance.now() < deadline;) {
    quick = (await timed(() => injector.gather(asked))) < 5 ? quick + 1 : 0;
  }
}

function percentile(ascending: readonly number[], share: number): number {
  return ascending[Math.floor(ascending.length * share)] ?? 0;
}

function open(round: number): ReturnType<typeof createContextInjector> {
  return createContextInjector({
    cacheDir: join(place, `cache-${round}`),
    cacheMaxBytes: 1e9,
    workerEntry,
    now: () => new Date(),
  });
}

function request(root: string, words: readonly string[]): ContextRequest {
  return {
    project: { project_id: 'bench', root },
    issue: {
      issue_id: 'issue-1',
      title: `Fix ${words[0]} of ${words[1]}`,
      body: `The ${words[2]} is wrong when ${words[3]} is empty.`,
    },
    profile: PROFILE,
    requirements: PROFILE.context_requirements,
    task: null,
    previous: [],
    lastBuildStatus: null,
    maxBytes: 10 * 1024 * 1024,
    signal: new AbortController().signal,
  };
}

function readEverything(root: string): void {
  const listed = execFileSync('git', ['ls-files', '-z'], { cwd: root, maxBuffer: 1 << 28 })
    .toString()
    .split('\0');
  for (const path of listed) if (path !== '') readFileSync(join(root, path));
}

/** Runs repomix in a process of its own, as its users do; GNU time tells its peak memory where there is one. */
function repomix(root: string, args: readonly string[]): { ms: number; peakMb: number | undefined; failed: boolean } {
  const tool = join(place, 'tool');
  if (
    spawnSync('npm', ['install', '--silent', '--no-save', '--prefix', tool, 'repomix@1.18.1'], { stdio: 'ignore' })
      .status !== 0
  ) {
    return { ms: 0, peakMb: undefined, failed: true };
  }
  const program = [
    process.execPath,
    join(tool, 'node_modules/repomix/bin/repomix.cjs'),
    ...args,
    '--quiet',
    '--output',
    join(place, 'repomix.xml'),
    root,
  ];
  const started = performance.now();
  const [file = '', ...rest] = program;
  const run = spawnSync('/usr/bin/time', ['-f', '%M', file, ...rest], { encoding: 'utf8' });
  const ms = performance.now() - started;
  if (run.error === undefined)
    return { ms, peakMb: Number(run.stderr.trim().split('\n').at(-1)) / 1024, failed: run.status !== 0 };
  const again = performance.now();
  const plain = spawnSync(file, rest, { stdio: 'ignore' });
  return { ms: performance.now() - again, peakMb: undefined, failed: plain.status !== 0 };
}

function middle(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

function median(rounds: number, work: () => void): number {
  const times = Array.from({ length: rounds }, () => {
    const started = performance.now();
    work();
    return performance.now() - started;
  });
  return middle(times);
}
