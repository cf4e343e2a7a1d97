import { hash } from 'node:crypto';
import { existsSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ResultBody } from '@orchestration-sidecar/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createContextInjector, type ContextInjector } from './index.ts';
import { TestProject, testProfile, testRequest } from './test-project.ts';

const cacheDir = mkdtempSync(join(tmpdir(), 'sidecar-context-cache-'));
let injector: ContextInjector;

beforeAll(() => {
  injector = createContextInjector({ cacheDir, cacheMaxBytes: 1e8, now: () => new Date(), workers: 1 });
});
afterAll(async () => {
  await injector.close();
  rmSync(cacheDir, { recursive: true, force: true });
});

const everything = testProfile(['all_files', 'relevant_files', 'project_structure', 'git_context', 'previous_outputs']);
const all = { profile: everything, requirements: everything.context_requirements };
/** Put together here, so that no scanner takes this file for a leak. */
const TOKEN = `ghp_${'a1B2c3D4e5F6'.repeat(3)}`;

describe('a hostile repository', () => {
  it('executes nothing and shows nothing of another place while its context is gathered', async () => {
    using outside = new TestProject().write({ 'outside.py': 'login = "elsewhere"\n' });
    outside.git('init', '--quiet');
    outside.commit('Private history');
    using project = new TestProject().write({
      'login.py': 'login = 1\n',
      '.gitattributes': '*.py filter=evil diff=evil\n',
    });
    project.git('init', '--quiet');
    project.commit('Initial commit');
    const mark = join(outside.root, 'executed');
    const run = join(outside.root, 'run.sh');
    writeFileSync(run, `#!/bin/sh\necho x >> ${mark}\ncat\n`, { mode: 0o755 });
    writeFileSync(
      join(project.root, '.git', 'evil-include'),
      `[core]\n\tfsmonitor = ${run}\n[filter "evil"]\n\tclean = ${run}\n\tprocess = ${run}\n[diff "evil"]\n\ttextconv = ${run}\n\tcommand = ${run}\n`,
    );
    for (const [name, value] of [
      ['include.path', 'evil-include'],
      ['core.hooksPath', outside.root],
      ['core.pager', run],
      ['core.sshCommand', run],
      ['diff.external', run],
      ['gpg.program', run],
      ['log.showSignature', 'true'],
      ['format.pretty', 'unknown'],
      ['core.worktree', outside.root],
    ] as const) {
      project.git('config', name, value);
    }
    project.write({ 'login.py': 'login = 2\n' });
    const context = await injector.gather(testRequest(project, all));
    expect(existsSync(mark)).toBe(false);
    expect(JSON.stringify(context)).not.toContain('elsewhere');
    expect(context.context.project_structure.files).toEqual(['.gitattributes', 'login.py']);
    expect(context.context.git_context.uncommitted_changes).toContain('login.py');
    expect(context.context.git_context.recent_commits.map(({ message }) => message)).toEqual(['Initial commit']);
    expect(context.context.relevant_files.find(({ path }) => path === 'login.py')?.content).toBe('login = 2\n');
  });

  it('tells by its checksum which bytes a file had, also when they change under a cached context', async () => {
    using project = new TestProject();
    for (const text of ['login = 1\n', 'login = 2\n']) {
      project.write({ 'login.py': text });
      const { context } = await injector.gather(testRequest(project, all));
      const file = context.relevant_files.find(({ path }) => path === 'login.py');
      expect(file).toMatchObject({ content: text, checksum: `sha256:${hash('sha256', text)}` });
    }
  });

  it('keeps secrets in, wherever they stand', async () => {
    using project = new TestProject().write({
      'login.py': `token = "${TOKEN}"\nlogin = 1\n`,
      '.env': `TOKEN=${TOKEN}\n`,
      [`login-${TOKEN}.py`]: 'login = 1\n',
      '.sidecarignore': 'hid*\n',
      'hidden.py': 'login = 1\n',
    });
    project.git('init', '--quiet');
    project.commit(`Log in with ${TOKEN}`);
    project.write({ [`new-${TOKEN}.py`]: 'login = 1\n', 'changed.py': `login = "${TOKEN}"\n`, 'hidden-new.py': '' });
    const result = ResultBody.parse({ status: 'success', decisions: [{ decision: `Use ${TOKEN}` }], summary: TOKEN });
    const known = {
      id: 'result-1',
      agent_id: 'a-1',
      agent_type: 'qa-engineer',
      issue_id: 'issue-1',
      project_id: 'project',
    };
    const at = new Date(0).toISOString();
    const previous = [{ ...known, result, timestamp: at, stored_at: at }];
    const context = await injector.gather(testRequest(project, { ...all, previous }));
    expect(context.context.previous_agent_outputs[0]?.decision).toBe('Use [redacted: GitHub token]');
    for (const hidden of [TOKEN, 'hidden']) expect(JSON.stringify(context)).not.toContain(hidden);
    expect(context.context.git_context.recent_commits[0]?.message).toContain('[redacted: GitHub token]');
    expect(context.context.relevant_files.map(({ path }) => path)).toContain('changed.py');
    expect(context.omitted_files).toContainEqual(expect.objectContaining({ path: '.env', reason: 'secret' }));
    const target = { project_id: 'project', root: project.root };
    const { signal } = new AbortController();
    const { content } = await injector.file({ project: target, path: 'changed.py', signal });
    expect(content).toMatch(/^login = "\[redacted: github token\]"\n$/i);
    await expect(injector.file({ project: target, path: `login-${TOKEN}.py`, signal })).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
    });
  });

  it('lists what is no text, and reads what is no UTF-8 or very large within bounds', async () => {
    using project = new TestProject().write({
      'login.py': Buffer.concat([Buffer.from('login = "'), Buffer.from([0xff, 0xc3, 0x28]), Buffer.from('"\n')]),
      'logo.data': Buffer.from([0, 1, 2, 0]),
      'huge.py': `login = 1\n${'x = 1\n'.repeat(600_000)}`,
      'package-lock.json': '{}',
    });
    const context = await injector.gather(testRequest(project, all));
    const shown = new Map(context.context.relevant_files.map((file) => [file.path, file]));
    expect(shown.get('login.py')?.content).toContain('\ufffd');
    expect(shown.get('huge.py')?.truncated).toBe(true);
    const reasons = new Map(context.omitted_files.map(({ path, reason }) => [path, reason]));
    expect([reasons.get('logo.data'), reasons.get('package-lock.json')]).toEqual(['binary', 'generated']);
    expect(Buffer.byteLength(JSON.stringify(context))).toBeLessThanOrEqual(1024 * 1024);
  });
});

describe('a stale answer', () => {
  it('is not given after an edit of the same size at the same time, nor for another profile or earlier results', async () => {
    using project = new TestProject().write({ 'login.py': 'login = 1\n' });
    project.git('init', '--quiet');
    project.commit('Initial commit');
    const request = testRequest(project);
    await injector.gather(request);
    const path = join(project.root, 'login.py');
    const { atime, mtime } = statSync(path);
    writeFileSync(path, 'login = 2\n');
    utimesSync(path, atime, mtime);
    const after = await injector.gather(request);
    expect(after.cache_hit).toBe(false);
    expect(after.context.relevant_files[0]?.content).toBe('login = 2\n');
    expect((await injector.gather(request)).cache_hit).toBe(true);
    expect((await injector.gather(testRequest(project, all))).cache_hit).toBe(false);
    expect((await injector.gather(testRequest(project, { lastBuildStatus: 'failure' }))).cache_hit).toBe(false);
  });
});
