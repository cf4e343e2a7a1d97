import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const MAIN = fileURLToPath(new URL('../../cli/src/main.ts', import.meta.url));
const DEADLINE_MS = 60_000;

/** A real sidecar in a process of its own, for tests. */
export interface TestSidecar {
  readonly url: string;
  readonly port: number;
  readonly operatorToken: string;
  /** Ends the process as a crash would and starts another one on the same data and port. */
  crash(): Promise<void>;
  /** Asks the process to stop and starts another one on the same data and port. */
  restart(): Promise<void>;
  /** Stops the process and removes its data. */
  stop(): Promise<void>;
}

/** Starts a sidecar on a new data directory, with a small repository as its project. */
export async function startTestSidecar(): Promise<TestSidecar> {
  const root = await mkdtemp(join(tmpdir(), 'sdk-sidecar-'));
  try {
    return await startIn(root);
  } catch (cause) {
    await rm(root, { recursive: true, force: true });
    throw cause;
  }
}

async function startIn(root: string): Promise<TestSidecar> {
  const dataDir = join(root, 'data');
  const repository = await makeRepository(join(root, 'shop'));
  let child = await serve(dataDir, repository, 0);
  const { url, port } = JSON.parse(await readFile(join(dataDir, 'sidecar.json'), 'utf8')) as {
    url: string;
    port: number;
  };
  const operatorToken = (await readFile(join(dataDir, 'operator.token'), 'utf8')).trim();
  const again = async (signal: NodeJS.Signals): Promise<void> => {
    await end(child, signal);
    await rm(join(dataDir, 'sidecar.json'), { force: true });
    child = await serve(dataDir, repository, port);
  };
  return {
    url,
    port,
    operatorToken,
    crash: () => again('SIGKILL'),
    restart: () => again('SIGTERM'),
    async stop() {
      await end(child, 'SIGTERM');
      await rm(root, { recursive: true, force: true });
    },
  };
}

async function makeRepository(path: string): Promise<string> {
  const git = promisify(execFile);
  await git('git', ['init', '--quiet', '--initial-branch=main', path]);
  await writeFile(join(path, 'README.md'), '# Shop\n');
  await git('git', ['-C', path, 'add', '.']);
  const author = ['-c', 'user.name=Test', '-c', 'user.email=test@example.invalid'];
  await git('git', ['-C', path, ...author, 'commit', '--quiet', '-m', 'Start']);
  return path;
}

async function serve(dataDir: string, project: string, port: number): Promise<ChildProcess> {
  const flags = ['--port', String(port), '--data-dir', dataDir, '--project', project, '--log-level', 'error'];
  const child = spawn(process.execPath, ['--conditions=@orchestration-sidecar/source', MAIN, 'serve', ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const description = join(dataDir, 'sidecar.json');
  const ready = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`the sidecar ended: ${complaint}`);
    return (await readFile(description, 'utf8').catch(() => '')).endsWith('\n');
  };
  try {
    await until(ready);
  } catch (cause) {
    await end(child, 'SIGKILL');
    throw cause;
  }
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

/** Polls a condition until it holds; fails after a minute. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('the condition did not come to hold');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
