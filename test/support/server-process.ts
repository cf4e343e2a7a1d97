import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBundled } from '../../scripts/bundle.mjs';
import { makeGitProject } from './git-project.ts';
import type { Answer, CallOptions } from './sidecar-under-test.ts';

const SETTABLE_CLOCK = join(import.meta.dirname, '..', 'fixtures', 'settable-clock.ts');
/** Longest start, on a machine that may be busy. */
const START_MS = 90_000;

/** A sidecar in a process of its own, to be killed and started again on the same data directory. */
export interface ServerUnderTest {
  readonly dataDir: string;
  readonly project: string;
  readonly pid: number;
  readonly port: number;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** Kills it without warning. */
  kill(): Promise<void>;
  /** Asks it to stop and waits until it has; answers its exit code. */
  terminate(): Promise<number | null>;
  start(): Promise<void>;
  /** Sets its clock so far forth or back from the machine’s; a start sets it right. Only with a settable clock. */
  setClock(offsetMs: number): Promise<void>;
  /** Stops it and removes everything it had. */
  stop(): Promise<void>;
}

/**
 * Starts `sidecar serve` as a user does: from the bundle, which starts faster than the source and takes a third of its
 * memory.
 * @param environment on top of the test’s own, for this and every later start.
 * @param dataDir default: a directory of its own.
 * @param options with a settable clock it is started from its source, by a program that hands such a clock in.
 */
export async function startServer(
  environment: Readonly<Record<string, string>> = {},
  dataDir = mkdtempSync(join(tmpdir(), 'sidecar-data-')),
  { settableClock = false }: { readonly settableClock?: boolean } = {},
): Promise<ServerUnderTest> {
  const project = makeGitProject();
  const serve = settableClock
    ? ['--conditions=@orchestration-sidecar/source', SETTABLE_CLOCK, dataDir, project]
    : [ensureBundled(process.execPath), 'serve', '--port', '0', '--data-dir', dataDir, '--project', project];
  let child: ChildProcess | undefined;
  let url = '';

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  };
  const start = async (): Promise<void> => {
    let said = '';
    const env = { ...process.env, ...environment };
    const stdio: StdioOptions = ['ignore', 'ignore', 'pipe', ...(settableClock ? (['ipc'] as const) : [])];
    const started = spawn(process.execPath, serve, { env, stdio });
    started.stderr?.on('data', (text) => (said = `${said}${text}`.slice(-4000)));
    child = started;
    const description = join(dataDir, 'sidecar.json');
    const deadlineMs = Date.now() + START_MS;
    for (;;) {
      const known = readJson(description);
      if (known !== undefined && known.pid === started.pid) {
        url = known.url;
        return;
      }
      if (started.exitCode !== null || Date.now() > deadlineMs) throw new Error(`the sidecar did not start: ${said}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  };
  await start();
  const token = readFileSync(join(dataDir, 'operator.token'), 'utf8').trim();

  return {
    dataDir,
    project,
    get pid() {
      return child?.pid ?? 0;
    },
    get port() {
      return Number(new URL(url).port);
    },
    async call(method, path, options = {}) {
      const response = await fetch(new URL(path, url), {
        method,
        headers: {
          authorization: `Bearer ${options.token ?? token}`,
          'content-type': 'application/json',
          ...options.headers,
        },
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      });
      return { status: response.status, headers: response.headers, body: await response.json() };
    },
    kill: () => end('SIGKILL'),
    async terminate() {
      await end('SIGTERM');
      return child?.exitCode ?? null;
    },
    start,
    async setClock(offsetMs) {
      if (!child) return;
      const set = once(child, 'message');
      child.send(offsetMs);
      await set;
    },
    async stop() {
      await end('SIGTERM');
      rmSync(dataDir, { recursive: true, force: true });
      rmSync(project, { recursive: true, force: true });
    },
  };
}

function readJson(path: string): { pid: number; url: string } | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
