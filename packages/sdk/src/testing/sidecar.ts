import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type * as Server from '@orchestration-sidecar/server';
import { SidecarError, type Contract, type InputOf } from '@orchestration-sidecar/shared';
import type { Agent } from '../agent.ts';
import { createSidecarClient, type SidecarClient } from '../client.ts';
import type { Script } from './script.ts';

/** How the sidecar of a test is set up. */
export interface TestSidecarOptions {
  /** Files of its project, by path. Default: a README. */
  readonly files?: Readonly<Record<string, string>> | undefined;
  /** Settings of the sidecar beside port, data directory and project, e.g. `{ maxAgents: 3 }`. */
  readonly settings?: Readonly<Record<string, string | number | boolean>> | undefined;
}

/** A real sidecar in this process: its own port, data directory and git repository. */
export interface TestSidecar {
  readonly url: string;
  /** Root of the project. */
  readonly project: string;
  /** The operator’s token; it may do everything. */
  readonly operatorToken: string;
  /** A client of the operator. */
  readonly client: SidecarClient;
  /** An agent of its own, with a token and a client of its own, on an issue that is made when it is not there yet. */
  agent(agentType: string, issueId: string): Promise<Agent>;
  /** A launcher for `client.agents.spawn`: a real process that does what the script says. */
  scriptedAgent(script: Script): Promise<NonNullable<InputOf<Contract['agents']['spawn']>['launcher']>>;
  /** Stops it and removes everything it had. Stopping twice is once. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a sidecar for a test: `await using sidecar = await startTestSidecar()`. Needs the package
 * `@orchestration-sidecar/server`, git, and Node 22.13 or newer (24 for `await using`; before it, `stop()` in a `finally`).
 * @throws {SidecarError} `INPUT_INVALID` when the server package is not installed.
 */
export async function startTestSidecar(options: TestSidecarOptions = {}): Promise<TestSidecar> {
  const root = await mkdtemp(join(tmpdir(), 'sidecar-test-'));
  try {
    return await startIn(root, options);
  } catch (cause) {
    await rm(root, { recursive: true, force: true });
    throw cause;
  }
}

async function startIn(
  root: string,
  { files = { 'README.md': '# Project\n' }, settings }: TestSidecarOptions,
): Promise<TestSidecar> {
  const { loadConfig, processEnvironment, startSidecar } = await serverPackage();
  const [dataDir, project] = [join(root, 'data'), join(root, 'project')];
  await makeRepository(project, files);
  const { config } = await loadConfig({ logLevel: 'error', ...settings, port: 0, dataDir, project }, {}, root);
  const sidecar = await startSidecar({ config, environment: processEnvironment() });
  const operatorToken = (await readFile(join(dataDir, 'operator.token'), 'utf8')).trim();
  const { url } = sidecar;
  const client = createSidecarClient({ url, token: operatorToken, environment: {} });
  const clients = [client];
  let scripts = 0;
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    for (const each of clients) each.close();
    await sidecar.stop();
    await rm(root, { recursive: true, force: true });
  };
  return {
    url,
    project,
    operatorToken,
    client,
    async agent(agentType, issueId) {
      await client.issues.create({ issue_id: issueId, title: issueId }).catch((error: unknown) => {
        if (!(error instanceof SidecarError && error.code === 'ISSUE_EXISTS')) throw error;
      });
      const { token, agent_id: agentId } = await client.tokens.create({ agent_type: agentType });
      const own = createSidecarClient({ url, token, environment: {} });
      clients.push(own);
      return own.agent({ agentId, agentType, issueId });
    },
    async scriptedAgent(script) {
      const file = join(root, `script-${++scripts}.json`);
      await writeFile(file, JSON.stringify(script));
      // Source and build are told apart by what this module itself is.
      const own = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
      const program = fileURLToPath(new URL(`./scripted-agent${own}`, import.meta.url));
      const flags = own === '.ts' ? ['--conditions=@orchestration-sidecar/source'] : [];
      return { kind: 'command', program: process.execPath, args: [...flags, program, file] };
    },
    stop: () => (stopped ??= stop()),
    [Symbol.asyncDispose]: () => (stopped ??= stop()),
  };
}

async function serverPackage(): Promise<typeof Server> {
  try {
    return await import('@orchestration-sidecar/server');
  } catch (cause) {
    throw new SidecarError('INPUT_INVALID', 'A test sidecar needs the package @orchestration-sidecar/server.', {
      cause,
    });
  }
}

async function makeRepository(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  const git = (...args: string[]): Promise<unknown> => promisify(execFile)('git', ['-C', root, ...args]);
  await git('init', '--quiet', '--initial-branch=main');
  await git('add', '--all');
  const author = ['-c', 'user.name=Test', '-c', 'user.email=test@example.invalid', '-c', 'commit.gpgsign=false'];
  await git(...author, 'commit', '--quiet', '--message', 'Start');
}
