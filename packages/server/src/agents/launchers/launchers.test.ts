import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AgentUsage, Launcher, ResultBody } from '@orchestration-sidecar/shared';
import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ChildExit, type ChildHandle, Processes } from '../../process/index.ts';
import { systemClock } from '../../runtime/clock.ts';
import { agentEnvironment } from '../environment.ts';
import { agentFiles, type AgentRun, judge, Launchers, type LaunchPlan, outputParser, type Verdict } from './index.ts';
import { renderLaunchScript } from './launch-script.ts';
import { SEND_SCRIPT } from './send-script.ts';

const FIXTURES = join(import.meta.dirname, '../../../../../test/fixtures/agents');
const PATH = `${FIXTURES}:${join(process.execPath, '..')}:/usr/local/bin:/usr/bin:/bin`;
const CONTEXT = '{"issue_id":"issue-1"}';

let processes: Processes;
let server: Server;
let seen: { readonly url: string; readonly authorization: string | undefined }[];
let directory: string;
let projectDir: string;

beforeAll(async () => {
  processes = await Processes.open({ clock: systemClock });
  // Answers a context to whoever has the token, as the sidecar would.
  server = createServer(({ url = '', headers }, answer) => {
    seen.push({ url, authorization: headers.authorization });
    if (headers.authorization === 'Bearer no-answer') return;
    answer.statusCode = headers.authorization === 'Bearer the-token' ? 200 : 401;
    answer.end(answer.statusCode === 200 ? CONTEXT : '{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await processes.close();
});
beforeEach(() => {
  seen = [];
  const root = mkdtempSync(join(tmpdir(), 'sidecar-launch-'));
  directory = join(root, 'agent');
  projectDir = join(root, 'project');
  mkdirSync(directory, { mode: 0o700 });
  mkdirSync(projectDir);
});
afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

function run(over: Partial<AgentRun> & Pick<AgentRun, 'launcher'>): AgentRun {
  return {
    agentId: 'a-1',
    agentType: 'python-specialist',
    issueId: 'issue-1',
    projectId: 'p',
    projectDir,
    directory,
    task: 'Implement it',
    prompt: 'You write Python.',
    mayWork: true,
    tier: 'sonnet',
    sessionId: '7f1f0b1e-0d5c-4a53-9a1e-2f6c1f6d0c11',
    resume: false,
    sidecarUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`,
    mcpUrl: null,
    ...over,
  };
}

const launchers = new Launchers({ path: PATH });

/** Starts a run as the supervisor does: files, environment, process. */
async function start(each: AgentRun, requested: Record<string, string> = {}, token = 'the-token') {
  const plan = await launchers.plan(each);
  const files = agentFiles(each.directory);
  const written = [...plan.files, { path: files.task, content: each.task }, { path: files.context, content: CONTEXT }];
  for (const { path, content } of written) writeFileSync(path, content, { mode: 0o600 });
  const environment = agentEnvironment({
    own: { PATH, HOME: each.directory },
    passOn: launchers.passOn(each.launcher),
    allowed: Object.keys(requested),
    requested,
    sidecar: {
      AGENT_ID: each.agentId,
      AGENT_TYPE: each.agentType,
      ISSUE_ID: each.issueId,
      PROJECT_ID: each.projectId,
      SIDECAR_URL: each.sidecarUrl,
      JWT_TOKEN: token,
      CONTEXT_FILE: files.context,
      TASK_FILE: files.task,
      CORRELATION_ID: 'corr-1',
      SIDECAR_FILE: join(each.directory, 'sidecar.json'),
      SIDECAR_OUTBOX: files.outbox,
      SIDECAR_SEND: files.send,
    },
  });
  const child = await processes.start({
    file: plan.file,
    args: plan.args,
    cwd: each.projectDir,
    env: { ...environment, ...plan.env },
    ...(plan.stdin === undefined ? {} : { stdin: plan.stdin }),
    stdoutFile: files.stdout,
    stderrFile: files.stderr,
    exitFile: files.exit,
    limits: { wallSeconds: 30, memoryMb: 1024, cpuSeconds: 30, outputMb: 16, openFiles: 512, processes: 256 },
    marker: `launch-${process.pid}-${(marker += 1)}`,
  });
  return { child, plan, output: () => readFileSync(files.stdout, 'utf8') };
}
let marker = 0;

interface Ended {
  readonly exit: ChildExit;
  readonly output: string;
  readonly verdict: Verdict;
  readonly usage: AgentUsage;
  readonly result: ResultBody | null;
  readonly causes: readonly string[];
}

async function settle(plan: LaunchPlan, child: ChildHandle, output: () => string, isResumed = false): Promise<Ended> {
  const exit = await child.exited;
  const parser = outputParser(plan.protocol);
  const updates = output()
    .split('\n')
    .map((line) => parser.feed(line));
  const causes = updates.flatMap((update) => (update?.activity === undefined ? [] : [update.activity.cause]));
  const verdict = judge(plan.protocol, exit, parser.report, isResumed);
  return { exit, output: output(), verdict, usage: parser.report.usage, result: parser.report.result, causes };
}

async function finish(each: AgentRun, requested?: Record<string, string>, token?: string): Promise<Ended> {
  const { child, plan, output } = await start(each, requested, token);
  return settle(plan, child, output, each.resume);
}

const reporting = (...args: string[]): Launcher => ({ kind: 'command', program: 'command-agent.mjs', args });
const claude = (over: Partial<AgentRun> = {}): AgentRun => run({ launcher: { kind: 'claude' }, ...over });
const script = (over: Partial<AgentRun> = {}, args: string[] = []): AgentRun =>
  run({ launcher: { kind: 'script', program: 'print-launch.sh', args }, ...over });

describe('command', () => {
  test('reads its context and task by environment, and its lines of JSON tell how it goes', async () => {
    const ended = await finish(run({ launcher: reporting() }));
    expect(ended.verdict).toEqual({ status: 'claimed' });
    expect(ended.usage).toEqual({ input_tokens: 150, output_tokens: 45, cost_usd: 0.01, turns: 2 });
    expect(ended.causes).toEqual(['reading the context', 'reported success']);
    expect(ended.output).toContain('a-1: Implement it (issue_id)');
    expect(ended.result).toMatchObject({ status: 'success' });
  });

  test.each([
    ['failure', { reason: 'reported', retryable: true }],
    ['blocked', { reason: 'blocked', retryable: false }],
  ])('a reported %s counts although it exits with 0', async (said, verdict) => {
    const ended = await finish(run({ launcher: reporting(said) }));
    expect(ended.verdict).toMatchObject({ status: 'failed', ...verdict });
    expect(ended.exit.code).toBe(0);
  });

  test.each([
    [['exit', '3'], { reason: 'exit_code', retryable: true }],
    [['exit', '127'], { reason: 'not_started', retryable: false }],
    [['die', 'ABRT'], { reason: 'signal', retryable: true }],
  ])('%j fails', async (args, verdict) => {
    const ended = await finish(run({ launcher: { kind: 'command', program: 'misbehave.sh', args } }));
    expect(ended.verdict).toMatchObject({ status: 'failed', ...verdict });
  });

  test('a relative program is one of the project', async () => {
    writeFileSync(join(projectDir, 'agent.sh'), '#!/bin/sh\necho "here: $PWD"\n', { mode: 0o755 });
    const ended = await finish(run({ launcher: { kind: 'command', program: './agent.sh', args: [] } }));
    expect(ended.output).toBe(`here: ${projectDir}\n`);
  });
});

describe('a program that is not there', () => {
  test.each<[Launcher, RegExp]>([
    [
      { kind: 'command', program: 'no-such-agent', args: [] },
      /needs no-such-agent: no-such-agent was not found in the PATH of the sidecar\. Install it, or choose another/,
    ],
    [{ kind: 'claude', program: 'no-such-claude' }, /"claude" needs no-such-claude/],
    [
      { kind: 'script', program: './absent.sh', args: [] },
      /needs \.\/absent\.sh: .*was not found in the folder of the project\./,
    ],
  ])('%j is named, with the way to choose another', async (launcher, words) => {
    await expect(launchers.plan(run({ launcher }))).rejects.toMatchObject({
      code: 'LAUNCHER_UNAVAILABLE',
      detail: expect.stringMatching(words) as string,
    });
    await expect(launchers.plan(run({ launcher }))).rejects.toThrow(/"launcher": \{ "kind": "command"/);
  });

  test('another program can stand in for Claude Code, and only where none is named', async () => {
    const own = new Launchers({ path: `${FIXTURES}:${process.env['PATH']}`, program: 'command-agent.mjs' });
    const plan = await own.plan(claude());
    expect(plan).toMatchObject({ file: join(FIXTURES, 'command-agent.mjs'), args: [], protocol: 'lines' });
    const named = await own.plan(claude({ launcher: { kind: 'claude', program: 'claude' } }));
    expect(named).toMatchObject({ file: join(FIXTURES, 'claude'), protocol: 'claude' });
  });

  test('both names of Claude Code are looked for, and the specification’s is found', async () => {
    const bin = join(directory, 'bin');
    mkdirSync(bin);
    const bare = new Launchers({ path: bin });
    await expect(bare.plan(run({ launcher: { kind: 'claude' } }))).rejects.toThrow(/claude or claude-code/);
    writeFileSync(join(bin, 'claude-code'), '#!/bin/sh\n', { mode: 0o755 });
    expect((await bare.plan(run({ launcher: { kind: 'claude' } }))).file).toBe(join(bin, 'claude-code'));
    writeFileSync(join(bin, 'claude'), '#!/bin/sh\n', { mode: 0o644 });
    rmSync(join(bin, 'claude-code'));
    await expect(bare.plan(run({ launcher: { kind: 'claude' } }))).rejects.toThrow(/claude is there but may not be/);
  });
});

describe('claude', () => {
  test('works headless: task on standard input, neither task nor token on the command line', async () => {
    const task = '"; rm -rf ~ #\n$(id)';
    const each = claude({ task, mcpUrl: 'http://127.0.0.1:3001/mcp', maxTurns: 7, maxBudgetUsd: 1.5 });
    const { child, plan, output } = await start(each);
    const commandLine = plan.args.join('\n');
    expect(commandLine).not.toContain('rm -rf');
    expect(commandLine).not.toContain('the-token');
    expect(commandLine).toContain('You write Python.');
    expect(commandLine).toContain('Bearer ${JWT_TOKEN}');
    const ended = await settle(plan, child, output);
    expect(ended.output).toContain(JSON.stringify(`Done: ${task}`));
    expect(ended.verdict).toEqual({ status: 'claimed' });
    expect(ended.usage).toEqual({ input_tokens: 210, output_tokens: 60, cost_usd: 0.0125, turns: 2 });
    expect(ended.causes).toEqual(['started with sonnet', 'answering', 'using Bash', 'tool result', 'ended: success']);
  });

  test('is told how to end, and what it ends with is its result', async () => {
    const { result } = await finish(claude());
    expect(result).toMatchObject({
      status: 'success',
      summary: 'Done: Implement it',
      files_modified: ['src/api.py'],
      findings: [],
    });
    const { result: words } = await finish(claude(), { CASE: 'unstructured' });
    expect(words).toMatchObject({ status: 'success', summary: 'Done: Implement it' });
    expect((await finish(claude(), { CASE: 'turn-limit' })).result).toBeNull();
  });

  test('may run commands where it is to hand in work, and only read where it is not', async () => {
    const allowed = async (mayWork: boolean): Promise<string[]> => {
      const { args } = await launchers.plan(claude({ mayWork }));
      return JSON.parse(args[args.indexOf('--settings') + 1] ?? '').permissions.allow;
    };
    expect(await allowed(true)).toContain('Bash');
    expect(await allowed(false)).toEqual([`Read(/${directory}/**)`]);
  });

  test('the model of a tier is a matter of configuration', async () => {
    const models = { opus: 'o-1', sonnet: 's-1', haiku: 'h-1' };
    const plan = await new Launchers({ path: PATH, models }).plan(claude({ tier: 'opus', resume: true }));
    expect(plan.args.join(' ')).toMatch(/--model o-1 .*--resume 7f1f0b1e/s);
  });

  test.each<[string, Partial<Verdict>, Partial<ChildExit>]>([
    ['turn-limit', { status: 'failed', reason: 'turn_limit', retryable: false }, { code: 1 }],
    ['budget-limit', { status: 'failed', reason: 'budget_limit', retryable: false }, { code: 1 }],
    ['api-400', { status: 'failed', reason: 'provider_refused', retryable: false }, { code: 1 }],
    ['api-401', { status: 'failed', reason: 'provider_refused', detail: 'Invalid API key' }, { code: 1 }],
    ['api-429', { status: 'failed', reason: 'rate_limited', retryable: true }, { code: 1 }],
    ['api-500', { status: 'failed', reason: 'provider_unavailable', retryable: true }, { code: 1 }],
    ['refused', { status: 'failed', reason: 'provider_unavailable', retryable: true }, { code: 1 }],
    ['unknown-session', { status: 'failed', reason: 'reported', detail: 'No conversation found' }, { code: 1 }],
    ['used-id', { status: 'failed', reason: 'not_started', retryable: false }, { code: 1 }],
    ['mcp-down', { status: 'failed', reason: 'mcp_unavailable', detail: 'MCP server sidecar: failed' }, { code: 0 }],
    ['denied', { status: 'failed', reason: 'tools_denied', detail: 'tools were denied: Bash' }, { code: 0 }],
    ['wordless', { reason: 'reported', detail: 'the agent ended with no word on how it went' }, { code: 0 }],
    ['silent-exit', { status: 'failed', reason: 'no_result', retryable: true }, { code: 0 }],
  ])('%s is no success', async (kind, verdict, exit) => {
    const ended = await finish(claude({ mcpUrl: 'http://127.0.0.1:3001/mcp' }), { CASE: kind });
    expect(ended.verdict).toMatchObject(verdict);
    expect(ended.exit).toMatchObject(exit);
  });

  test.each(['unknown-session', 'used-id'])('%s: a session that did not go on can be begun anew', async (kind) => {
    const { verdict } = await finish(claude({ resume: true }), { CASE: kind });
    expect(verdict).toMatchObject({ reason: 'not_resumed', retryable: true });
  });

  test('a session’s name cannot be taken for an option', () => {
    const parser = outputParser('claude');
    for (const name of ['--dangerously-skip-permissions', '', 'a b', 'x'.repeat(200)]) {
      parser.feed(JSON.stringify({ type: 'system', subtype: 'init', session_id: name }));
      expect(parser.report.sessionId).toBeNull();
    }
    parser.feed(JSON.stringify({ type: 'system', subtype: 'init', session_id: 'session-1' }));
    expect(parser.report.sessionId).toBe('session-1');
  });

  test('a model provider that does not answer is told as waiting', async () => {
    const ended = await finish(claude(), { CASE: 'api-401' });
    expect(ended.causes).toContain('the model provider answered 401; attempt 1 of 10');
  });

  test('an empty task and a bad flag are errors of ours', async () => {
    for (const each of [claude({ task: ' ' }), claude({ launcher: { kind: 'claude', args: ['--nonsense'] } })]) {
      expect((await finish(each)).verdict).toMatchObject({ reason: 'not_started', retryable: false });
    }
  });

  test.each([
    ['wait', { code: null, signal: 'SIGTERM' }],
    ['late-term', { code: 0, signal: null }],
  ])('%s: what we stopped has not succeeded, whatever it says', async (kind, exit) => {
    const { child, plan, output } = await start(claude(), { CASE: kind });
    const deadline = performance.now() + 10_000;
    while (!output().includes('tool_result') && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await child.stop({ termMs: 5000 });
    const ended = await settle(plan, child, output);
    expect(ended.verdict).toMatchObject({ status: 'failed', reason: 'stopped', retryable: false });
    expect(ended.exit).toMatchObject(exit);
  });

  test('no line can break the reading of the others', () => {
    const value = fc.oneof(fc.json(), fc.string());
    const type = fc.constantFrom('system', 'assistant', 'user', 'result', 'other');
    const odd = fc
      .tuple(type, fc.constantFrom('init', 'api_retry', 'success', 'x'), fc.jsonValue())
      .map(([type, subtype, any]) =>
        JSON.stringify({ type, subtype, message: any, modelUsage: any, mcp_servers: any, errors: any }),
      );
    fc.assert(
      fc.property(fc.array(fc.oneof(value, odd)), fc.constantFrom('claude', 'lines'), (lines, protocol) => {
        const parser = outputParser(protocol);
        for (const line of lines) parser.feed(line);
        expect(Array.isArray(parser.report.failures)).toBe(true);
      }),
    );
  });
});

describe('script', () => {
  /** Shows its first argument, the issue and its standard input. */
  const SHOW = String.raw`#!/bin/bash
printf '%s\0' "$1" "$ISSUE_ID"
cat
printf '\0'
`;
  test('fetches the context with the token, runs the program as specified and cleans up', async () => {
    const each = script({}, ['--own', 'a b']);
    const { child, plan, output } = await start(each);
    const ended = await settle(plan, child, output);
    expect(ended.verdict).toEqual({ status: 'claimed' });
    const { context } = agentFiles(directory);
    const args = ['--own', 'a b', '--agent-type', 'python-specialist', '--context-file', context];
    args.push('--webhook', `${each.sidecarUrl}/results`, '--project-dir', projectDir);
    expect(ended.output.split('\n')).toEqual([
      ...args.map((arg) => `arg=${arg}`),
      'stdin=Implement it',
      `cwd=${projectDir}`,
      'agent=a-1 type=python-specialist issue=issue-1 project=p',
      'token=the-token',
      `context=${CONTEXT}`,
      'mode=600',
      '',
    ]);
    expect(seen).toEqual([{ url: '/api/context/issue-1/python-specialist', authorization: 'Bearer the-token' }]);
    expect(readdirSync(directory).toSorted()).toEqual(['exit', 'launch.sh', 'stderr.log', 'stdout.log', 'task.txt']);
    const text = plan.files.map(({ content }) => content).join() + plan.args.join();
    expect(text).not.toContain('the-token');
    expect(text).not.toContain('Implement it');
  });

  test('passes the program’s exit on, and says when the context is not to be had', async () => {
    const { exit } = await finish(script(), { EXIT_WITH: '42' });
    expect(exit.code).toBe(42);
    rmSync(agentFiles(directory).stdout);
    const refused = await finish(script(), {}, 'another-token');
    expect(refused.exit.code).toBe(69);
    expect(readdirSync(directory)).not.toContain('context.json.part');
    expect(refused.output).toBe('');
  });

  test('regression: an agent that is started by another one does not take its token', async () => {
    const outer = join(projectDir, 'outer-token');
    writeFileSync(outer, 'outer-token\n');
    writeFileSync(join(directory, 'token'), 'outer-token\n');
    const show = join(directory, 'show.sh');
    writeFileSync(show, '#!/bin/bash\necho "$JWT_TOKEN $(<"$JWT_TOKEN_FILE")"\n', { mode: 0o755 });
    const launch = renderLaunchScript({
      ...script(),
      program: show,
      args: [],
      specifiedArgs: false,
    });
    const own = { PATH, HOME: directory, AGENT_DIR: directory, JWT_TOKEN_FILE: outer };
    const output = async (env: Record<string, string>): Promise<string> =>
      (await promisify(execFile)('bash', ['-c', launch], { env: { ...own, ...env } })).stdout;
    expect(await output({ JWT_TOKEN: 'the-token' })).toBe('the-token the-token\n');
    expect(readFileSync(outer, 'utf8')).toBe('outer-token\n');
    expect(readdirSync(directory).toSorted()).toEqual(['show.sh', 'sidecar-send', 'token']);
    writeFileSync(outer, 'the-token\n');
    expect(await output({ JWT_TOKEN: '' })).toBe('the-token the-token\n');
  });

  describe('what keeps the token fresh', () => {
    let send: string;
    const keepers = (): string[] => readdirSync(directory).filter((name) => name.startsWith('.keeper.'));
    /** Runs a line of bash beside which the token is refreshed all the time. */
    const beside = (line: string, token: string) =>
      spawn('bash', ['-c', line], {
        env: {
          PATH,
          SEND: send,
          JWT_TOKEN: token,
          SIDECAR_URL: script().sidecarUrl,
          SIDECAR_OUTBOX: join(directory, 'outbox'),
          SIDECAR_REFRESH_SECONDS: '0.05',
        },
        stdio: 'ignore',
      });
    beforeEach(() => {
      send = join(directory, 'send');
      writeFileSync(send, SEND_SCRIPT, { mode: 0o755 });
    });

    test('regression: a file that is named in place of standard input is refused, not left out', async () => {
      const named = promisify(execFile)('bash', [send, '/results', 'result.json'], {
        env: { PATH, SIDECAR_OUTBOX: join(directory, 'outbox') },
      });
      await expect(named).rejects.toMatchObject({ code: 64, stderr: expect.stringContaining('<body.json') });
    });

    test('regression: it ends when who started it was killed, and leaves nothing behind', async () => {
      const wrapper = beside('"$SEND" --keep-fresh & wait', 'the-token');
      await expect.poll(keepers).toHaveLength(1);
      wrapper.kill('SIGKILL');
      await expect.poll(keepers).toEqual([]);
    });

    test('regression: it ends when the token is refused for good', async () => {
      const keeper = beside('"$SEND" --keep-fresh', 'another-token');
      expect(await once(keeper, 'exit')).toEqual([77, null]);
      expect(seen).toHaveLength(1);
      expect(keepers()).toEqual([]);
    });

    test('regression: it ends at once also while it asks a sidecar that does not answer', async () => {
      const keeper = beside('exec "$SEND" --keep-fresh', 'no-answer');
      await expect.poll(() => seen.length).toBe(1);
      keeper.kill('SIGTERM');
      // The request goes on for 30 s, and the test fails before that.
      expect(await once(keeper, 'exit')).toEqual([0, null]);
      expect(keepers()).toEqual([]);
    });
  });

  test('runs Claude Code as the claude launcher does', async () => {
    const ended = await finish(run({ launcher: { kind: 'script', args: [] }, prompt: 'it\'s $(id) `id` "' }));
    expect(ended.verdict).toEqual({ status: 'claimed' });
    expect(ended.output).toContain('Done: Implement it');
  });

  test('is plain to bash, whatever stands in its values', async () => {
    const hostile = fc.oneof(
      fc.constantFrom(
        '"; rm -rf ~ #',
        "'; touch hacked; '",
        '$(touch hacked)',
        '`touch hacked`',
        '\\',
        '-n',
        '!!',
        '\n# x\ntouch hacked',
      ),
      fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme' }).filter((text) => !text.includes('\0')),
    );
    await fc.assert(
      fc.asyncProperty(hostile, hostile, hostile, async (task, issueId, arg) => {
        rmSync(directory, { recursive: true, force: true });
        mkdirSync(directory);
        const show = join(directory, 'show.sh');
        writeFileSync(show, SHOW, { mode: 0o755 });
        const ended = await finish(run({ launcher: { kind: 'script', program: show, args: [arg] }, issueId, task }));
        expect(ended.output).toBe(`${arg}\0${issueId}\0${task}\0`);
        expect(seen.at(-1)?.url).toBe(`/api/context/${encodeURIComponent(issueId)}/python-specialist`);
        expect(readdirSync(projectDir)).toEqual([]);
      }),
      { numRuns: 12 },
    );
  }, 60_000);
});
