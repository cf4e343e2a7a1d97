import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  loadConfig,
  processEnvironment,
  startSidecar,
  type ConfigFlags,
  type Sidecar,
  type SidecarOptions,
} from '@orchestration-sidecar/server';
import { makeGitProject } from './git-project.ts';

/** An answer as a REST caller sees it. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- a caller with curl has no types either
  readonly body: any;
}

/** What a call sends besides its method and path. */
export interface CallOptions {
  /** Bearer token; left out: the operator’s; null: none. */
  readonly token?: string | null;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A minted agent. */
export interface TestAgent {
  readonly token: string;
  readonly agentId: string;
}

/** A real sidecar on a port of the system’s choice, with a data directory and a git project of its own. */
export interface SidecarUnderTest {
  readonly url: string;
  readonly dataDir: string;
  readonly project: string;
  readonly operatorToken: string;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  mint(agentType: string, projectId?: string): Promise<TestAgent>;
  createIssue(issueId: string, projectId?: string): Promise<string>;
  /** Stops it and starts it again on the same data directory and port. */
  restart(): Promise<void>;
  /** Stops it and leaves its data directory. */
  stop(): Promise<void>;
  /** Starts it again, on any port. */
  start(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a sidecar; every answer is checked against the contract. */
export async function startForTest(
  flags: ConfigFlags = {},
  options: Pick<SidecarOptions, 'clock' | 'connectionTimes'> = {},
): Promise<SidecarUnderTest> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sidecar-data-'));
  const project = makeGitProject();
  const start = async (port: number): Promise<Sidecar> =>
    startSidecar({
      config: (await loadConfig({ port, dataDir, project, ...flags }, {}, dataDir)).config,
      environment: processEnvironment(),
      checkAnswers: true,
      ...options,
    });
  let sidecar = await start(0);
  const operatorToken = readFileSync(join(dataDir, 'operator.token'), 'utf8').trim();

  const call = async (method: string, path: string, options: CallOptions = {}): Promise<Answer> => {
    const token = options.token === undefined ? operatorToken : options.token;
    const response = await fetch(new URL(path, sidecar.url), {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(options.body === undefined
        ? {}
        : { body: typeof options.body === 'string' ? options.body : JSON.stringify(options.body) }),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  };

  return {
    get url() {
      return sidecar.url;
    },
    dataDir,
    project,
    operatorToken,
    call,
    async mint(agentType, projectId) {
      const { body } = await call('POST', '/api/tokens', { body: { agent_type: agentType, project_id: projectId } });
      return { token: body.token, agentId: body.agent_id };
    },
    async createIssue(issueId, projectId) {
      await call('POST', '/api/issues', {
        body: { issue_id: issueId, project_id: projectId, title: `Work on ${issueId}` },
      });
      return issueId;
    },
    async restart() {
      const { port } = sidecar;
      await sidecar.stop();
      sidecar = await start(port);
    },
    stop: () => sidecar.stop(),
    async start() {
      sidecar = await start(0);
    },
    async [Symbol.asyncDispose]() {
      await sidecar.stop();
      rmSync(dataDir, { recursive: true, force: true });
      rmSync(project, { recursive: true, force: true });
    },
  };
}
