import { once } from 'node:events';
import { spawn as startProcess } from 'node:child_process';
import { readdirSync, readFileSync, statSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { ensureBundled } from '../../scripts/bundle.mjs';
import { makeGitProject } from '../support/git-project.ts';
import { bashAgent, until } from '../support/agents-under-test.ts';
import type { Answer } from '../support/sidecar-under-test.ts';

/** What a sidecar may keep of a secret, and nowhere else: its own keys, and what only the agent’s user reads. */
const OWN_PLACES = /^(?:operator\.token|keys\/.*)$/;

test('canaries that were planted everywhere are in no log, metric, event, answer, process list or report', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sidecar-data-'));
  const project = makeGitProject();
  const ownSecret = 'canary-environment-of-the-sidecar';
  const child = startProcess(
    process.execPath,
    [
      ensureBundled(process.execPath),
      'serve',
      '--port',
      '0',
      '--data-dir',
      dataDir,
      '--project',
      project,
      '--log-level',
      'debug',
    ],
    {
      env: {
        PATH: process.env['PATH'],
        HOME: dataDir,
        ANTHROPIC_API_KEY: ownSecret,
        NODE_OPTIONS: `--report-on-signal --report-on-fatalerror --report-directory=${dataDir}`,
      },
      cwd: dataDir,
      stdio: 'pipe',
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  await expect.poll(() => output, { timeout: 60_000 }).toMatch(/ready on (\S+)/);
  const url = /ready on (\S+)/.exec(output)?.[1] ?? '';
  const operatorToken = readFileSync(join(dataDir, 'operator.token'), 'utf8').trim();
  const call = async (
    method: string,
    path: string,
    { body, token = operatorToken }: { body?: unknown; token?: string } = {},
  ): Promise<Answer> => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text.startsWith('{') ? JSON.parse(text) : text };
  };
  const answers: unknown[] = [];

  await call('POST', '/api/issues', { body: { issue_id: 'issue-1', title: 'Canaries' } });
  const minted = await call('POST', '/api/tokens', { body: { agent_type: 'python-specialist' } });
  const token: string = minted.body.token;
  const inBody = 'canary-in-a-refused-body';
  const inSpawn = 'canary-in-a-spawn';
  for (const secret of [token, operatorToken, inBody]) {
    answers.push(
      (await call('POST', '/api/events/x', { token, body: { topic: 'implementation', ttl_seconds: secret } })).body,
      (await call('POST', '/api/issues', { body: `{"title": "${secret}` })).body,
      (await call('GET', '/api/events/wait/x?timeout=0', { token: `${secret}x` })).body,
      (await call('POST', '/api/results', { token, body: { issue_id: 'issue-1', result: { status: secret } } })).body,
    );
    const socket = new WebSocket(`${url.replace('http', 'ws')}/trpc?connectionParams=1`);
    await once(socket, 'open');
    socket.send(JSON.stringify({ method: 'connectionParams', data: { token: `${secret}x` } }));
    socket.send(JSON.stringify({ id: 1, method: 'query', params: { path: 'issues.list', input: { json: {} } } }));
    answers.push(String((await once(socket, 'message'))[0]));
    socket.terminate();
  }
  const launcher = bashAgent({ project, call }, 'canary', 'tr "\\0" " " </proc/$$/cmdline; echo "token: $JWT_TOKEN"');
  const spawned = await call('POST', '/api/agents/spawn', {
    body: {
      agent_type: 'python-specialist',
      issue_id: 'issue-1',
      task: inSpawn,
      launcher,
      environment: { PYTHON_VERSION: inSpawn },
    },
  });
  expect(spawned.status).toBe(201);
  const agent = await until({ project, call }, spawned.body.agent_id, 'exited');
  answers.push(agent, (await call('GET', '/metrics')).body, (await call('GET', '/status')).body);
  answers.push((await call('GET', `/api/agents/${spawned.body.agent_id}/logs`)).body);
  const events = (await call('GET', '/api/events?limit=1000')).body;
  answers.push(events);

  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => read(`/proc/${pid}/cmdline`));
  // The report of a crash, which can be had of a signal too.
  child.kill('SIGUSR2');
  const reports = (): string[] => readdirSync(dataDir).filter((name) => /^report\..*\.json$/.test(name));
  const whole = (): boolean => reports().some((name) => read(join(dataDir, name)).trimEnd().endsWith('\n}'));
  await expect.poll(whole).toBe(true);
  child.kill('SIGTERM');
  if (child.exitCode === null) await once(child, 'exit');

  const key = readFileSync(join(dataDir, 'keys', 'active.pem'), 'utf8').split('\n')[3] ?? '';
  expect(key.length).toBeGreaterThan(40);
  const tokens = [token, operatorToken, key];
  const everywhere = [...tokens, ownSecret];
  const found = (text: string, secrets: readonly string[]): string[] =>
    secrets.filter((secret) => text.includes(secret));
  // What was said to a caller, and what every user of the machine can see.
  expect(found(JSON.stringify(answers), [...everywhere, inBody])).toEqual([]);
  expect(found(output, [...everywhere, inBody, inSpawn])).toEqual([]);
  expect(found(processes.join('\n'), [...everywhere, inSpawn])).toEqual([]);
  // What was left behind. The task and environment of a spawn are kept for its retries, in files of the user alone.
  const left = readdirSync(dataDir, { recursive: true, encoding: 'utf8' })
    .map((name) => join(dataDir, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
  const leaks = left.flatMap((path) => {
    const name = relative(dataDir, path);
    if (OWN_PLACES.test(name)) return [];
    const isOfAgent = name.startsWith('agents/') && (statSync(path).mode & 0o077) === 0;
    const secrets = [...(isOfAgent ? [operatorToken, key] : tokens), ownSecret, inBody];
    return found(readFileSync(path, 'latin1'), name.startsWith('logs/') ? [...secrets, inSpawn] : secrets).map(
      (secret) => `${name}: ${secret.slice(0, 12)}`,
    );
  });
  expect(leaks).toEqual([]);
  expect(statSync(dataDir).mode & 0o077).toBe(0);
});

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
