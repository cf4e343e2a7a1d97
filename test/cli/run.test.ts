import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Sandbox } from './sandbox.ts';
import { ScriptedProfiles } from './scripted-profiles.ts';

// Every step is a process of its own, and a busy machine takes its time to start one.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let sandbox: Sandbox;
let agents: ScriptedProfiles;

beforeAll(async () => {
  sandbox = new Sandbox();
  agents = new ScriptedProfiles(sandbox.directory, {
    'chief-architect': 'success',
    'typescript-pro': 'success',
    'security-auditor': 'success',
    debugger: 'blocked',
    'rust-pro': 'success',
    'python-pro': 'success',
  });
  agents.addWorkflow(
    'release',
    { design: ['chief-architect'], build: ['typescript-pro'], audit: ['security-auditor'] },
    { audit: 'release_approved' },
  );
  agents.addWorkflow('hopeless', { diagnosis: ['debugger'] });
  agents.addWorkflow('stuck', { design: ['python-pro'] });
  agents.addWorkflow('endless', { build: ['rust-pro'] });
  await sandbox.serve('--profiles', agents.directory);
});
afterAll(() => sandbox[Symbol.asyncDispose]());

describe('sidecar status', () => {
  it('says that a profile was broken while the sidecar runs, until it is mended', async () => {
    const broken = join(agents.directory, 'agents', 'broken.json');
    writeFileSync(broken, '{');
    const board = (): Promise<string> => sandbox.output('status');
    await expect.poll(board).toContain('! needs you  profiles: 1 file cannot be taken; the last good content is used');
    rmSync(broken);
    await expect.poll(board).toContain('nothing needs you');
  });
});

describe('sidecar run', () => {
  it('tells the story of an issue until it is resolved, and says what needs a person', async () => {
    await using run = sandbox.start(['run', 'Keep the cart', '--workflow', 'release', '--id', 'shop-1']);
    await run.prints(/chief-architect +starts/);
    // Its first words come after it has started, when the machine lets it.
    await expect
      .poll(() => sandbox.output('status'))
      .toMatch(/● chief-architect +works +shop-1: edits src\/chief-architect\.ts/);
    expect(await sandbox.output('status')).toMatch(/● shop-1 {2}Keep the cart\n {2}design · waits on chief-architect/);

    agents.letGo('chief-architect', 'typescript-pro', 'security-auditor');
    const [, command = ''] = await run.prints(/^! needs a person: audit waits for release_approved: sidecar (.*)$/m);
    expect(await sandbox.output('status')).toContain(`! needs you  shop-1: audit waits for release_approved`);
    await sandbox.output(...command.split(' '));

    const { code, stdout } = await run.ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/the issue is resolved: .*\n(?:.*\n)*✓ resolved in .* {2}Keep the cart\n/);
    expect(stdout).toMatch(/^typescript-pro +success +claimed +typescript-pro has done its part\.$/m);
    expect(stdout).toContain('3 files changed;');
  });

  it('exits with 1 when the issue fails, the issue as JSON on standard output and the story on standard error', async () => {
    agents.letGo('debugger');
    const { code, stdout, stderr } = await sandbox.run([
      'run',
      'Explain the crash',
      '--workflow',
      'hopeless',
      '--json',
    ]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ title: 'Explain the crash', status: 'failed' });
    expect(stderr).toMatch(/debugger +starts/);
    // Why it failed is said once.
    expect(stderr.match(/the issue has failed: .*blocked/g)).toHaveLength(1);
    expect(stderr).toMatch(/✗ The issue \S+ is not resolved\.$/m);
  });

  it('goes on without whoever stops watching, and can be watched again', async () => {
    await using run = sandbox.start(['run', 'Port it', '--workflow', 'endless', '--id', 'shop-3']);
    await run.prints(/rust-pro +starts/);
    const { code, stderr } = await run.stop('SIGINT');
    expect(code).toBe(130);
    expect(stderr).toContain('`sidecar issue watch shop-3` shows it again.');

    await using watch = sandbox.start(['issue', 'watch', 'shop-3']);
    await watch.prints(/rust-pro +starts/);
    await using logs = sandbox.start(['agents', 'logs', 'rust-pro', '--follow']);
    await logs.prints(/edits src\/rust-pro\.ts/);
    agents.letGo('rust-pro');
    expect((await watch.ended).code).toBe(0);
    expect((await logs.ended).code).toBe(0);
  });

  it('shows what all agents write, as it comes, and only of those that are meant', async () => {
    await using all = sandbox.start(['logs', '--follow', '--issue', 'shop-8']);
    await using run = sandbox.start(['run', 'Port it again', '--workflow', 'endless', '--id', 'shop-8']);
    await all.prints(/rust-pro {11}\w+ {2}.*edits src\/rust-pro\.ts/);
    expect((await all.stop('SIGINT')).code).toBe(0);
    const which = ['--agent-type', 'rust-pro', '--issue', 'shop-8'];
    const last = JSON.parse(await sandbox.output('logs', ...which, '--lines', '1', '--json'));
    expect(last).toMatchObject({ agent_type: 'rust-pro', issue_id: 'shop-8', stream: 'stdout' });
    const agent = last.agent_id.slice(-8);
    const shown = await sandbox.output('logs', 'show', '--agent', agent, '--all');
    for (const line of shown.split('\n')) expect(line).toContain(`rust-pro           ${agent}  `);
    const nothing = await sandbox.ask(['logs', '--issue', 'no-such-issue']);
    expect(nothing).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'No such agent has written anything that is kept.\n',
    });
    agents.letGo('rust-pro');
    await run.ended;
  });

  it('pauses, resumes and cancels', async () => {
    await using run = sandbox.start(['run', 'Design it', '--workflow', 'stuck', '--id', 'shop-6']);
    await run.prints(/python-pro +starts/);
    expect(await sandbox.output('issue', 'pause', 'shop-6')).toBe('shop-6 paused');
    await run.prints(/! needs a person: is paused: sidecar issue resume shop-6/);
    expect(await sandbox.output('issue', 'resume', 'shop-6')).toBe('shop-6 running');
    expect(await sandbox.output('issue', 'cancel', 'shop-6', '--reason', 'not wanted')).toBe('shop-6 cancelled');
    const { code, stdout } = await run.ended;
    expect(code).toBe(1);
    expect(stdout).toContain('the issue is cancelled: not wanted');
  });

  it('refuses a workflow that there is not', async () => {
    const { code, stderr } = await sandbox.run(['run', 'Anything', '--workflow', 'nonsense']);
    expect(code).toBe(4);
    expect(stderr).toContain('`sidecar workflow list` shows the workflows there are.');
  });
});

describe('sidecar spawn', () => {
  it('starts an agent that can be stopped, and starts one for one key only', async () => {
    await sandbox.output('issue', 'create', 'By hand', '--id', 'shop-4');
    const launcher = JSON.stringify({ kind: 'command', program: 'sleep', args: ['600'] });
    const args = ['spawn', 'code-reviewer', '--issue', 'shop-4', '--task', 'Look at it.', '--launcher', launcher];
    expect(await sandbox.output(...args, '--dry-run')).toBe('It would start.');
    const spawn = () => sandbox.output(...args, '--idempotency-key', 'once');
    const id = await spawn();
    expect(id).toMatch(/^code-reviewer-[0-9a-f-]{36}$/);
    expect(await spawn()).toBe(id);
    expect(await sandbox.output('agents', 'stop', 'code-reviewer', '--reason', 'enough')).toBe(`${id} stopped`);
  });

  it('refuses an environment that could take the agent over', async () => {
    const args = ['spawn', 'code-reviewer', '--issue', 'shop-4', '--task', 'x', '--env', 'LD_PRELOAD=/tmp/evil.so'];
    const { code, stderr } = await sandbox.run(args);
    expect(code).toBe(4);
    expect(stderr).toContain('ENVIRONMENT_FORBIDDEN');
  });
});

describe('sidecar status --watch', () => {
  it('prints again when something has changed, and ends with 0 on Ctrl-C', async () => {
    await using watch = sandbox.start(['status', '--watch']);
    await watch.prints(/^Issues {2}\d+ running/m);
    // Its agent waits until it is stopped: one that ends by itself could be gone before the next look.
    await sandbox.output('issue', 'create', 'Ported twice', '--id', 'shop-5', '--workflow', 'stuck');
    await watch.prints(/shop-5 {2}Ported twice/);
    await sandbox.output('issue', 'cancel', 'shop-5');
    expect((await watch.stop('SIGINT')).code).toBe(0);
  });
});
