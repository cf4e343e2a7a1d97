import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCommits, readStatus } from '../context/git-history.ts';
import { findRepository } from '../context/repository.ts';
import { scanProject } from '../context/scan.ts';
import { TestProject } from '../context/test-project.ts';
import { filterDrivers, runGit } from './git.ts';

const signal = new AbortController().signal;

/** A repository whose configuration would start a program at every turn; the program leaves a mark. */
function hostileProject(): { project: TestProject; mark: string } {
  const project = new TestProject().write({ 'src/a.txt': 'a\n', '.gitattributes': '*.txt filter=evil diff=evil\n' });
  project.git('init', '--quiet');
  project.commit('Initial commit');
  const mark = join(project.root, 'EXECUTED');
  const program = join(project.root, '.git', 'evil.sh');
  writeFileSync(program, `#!/bin/sh\ntouch '${mark}'\ncat\n`);
  chmodSync(program, 0o755);
  const settings = {
    'core.fsmonitor': program,
    'core.hooksPath': join(project.root, '.git', 'evil-hooks'),
    'core.pager': program,
    'core.sshCommand': program,
    'diff.external': program,
    'diff.evil.textconv': program,
    'diff.evil.command': program,
    'filter.evil.clean': program,
    'filter.evil.smudge': program,
    'filter.evil.process': program,
    'filter.evil.required': 'true',
    'gpg.program': program,
    'log.showSignature': 'true',
    'status.submoduleSummary': 'true',
    'core.worktree': '/',
  };
  const hooks = join(project.root, '.git', 'evil-hooks');
  project.write({ '.git/evil-hooks/post-index-change': `#!/bin/sh\ntouch '${mark}'\n` });
  chmodSync(join(hooks, 'post-index-change'), 0o755);
  for (const [name, value] of Object.entries(settings)) project.git('config', name, value);
  project.write({ '.git/included': `[filter "odd=name"]\n\tclean = ${program}\n` });
  project.git('config', 'include.path', 'included');
  // Same size, other content: git has to read it, which is when filters run.
  project.write({ 'src/a.txt': 'b\n' });
  return { project, mark };
}

describe('git', () => {
  it('executes nothing that a repository configures, and stays in its tree', async () => {
    const { project, mark } = hostileProject();
    using cleanUp = new DisposableStack();
    cleanUp.use(project);
    const repository = await findRepository(project.root, signal);
    if (repository === null) throw new Error('no repository found');
    const status = await readStatus(project.root, repository, signal);
    expect(status).toMatchObject({ branch: 'main', changes: ['src/a.txt'], untracked: [] });
    const { files } = await scanProject(project.root, repository, signal);
    expect(files.map(({ path }) => path)).toEqual(['.gitattributes', 'src/a.txt']);
    expect(await readCommits(project.root, repository, status?.head ?? null, signal)).toHaveLength(1);
    expect(existsSync(mark)).toBe(false);
    // The trap is armed: git as it is walks into it.
    execFileSync('git', ['-c', `core.worktree=${project.root}`, 'status'], { cwd: project.root, stdio: 'ignore' });
    expect(existsSync(mark)).toBe(true);
  });

  it('finds every filter driver, whatever its name and wherever it is included from', async () => {
    using project = hostileProject().project;
    const settings = new Map(await filterDrivers({ cwd: project.root, signal }));
    expect(settings.get('filter.evil.process')).toBe('');
    expect(settings.get('filter.odd=name.clean')).toBe('');
    expect(settings.get('filter.odd=name.required')).toBe('false');
  });

  it('stops git when cancelled, when it says too much, and when it takes too long', async () => {
    using project = new TestProject().write({ 'a.txt': 'a\n'.repeat(10_000) });
    project.git('init', '--quiet');
    project.commit('Initial commit');
    const cwd = project.root;
    const cut = await runGit({ args: ['show', 'HEAD:a.txt'], cwd, maxOutputBytes: 100 });
    expect(cut.output).toHaveLength(100);
    expect(cut.cut).toBe(true);
    const late = await runGit({ args: ['cat-file', '--batch-all-objects', '--batch'], cwd, timeoutMs: 0 });
    expect(late.exitCode === null || late.exitCode === 0).toBe(true);
    const cancelled = AbortSignal.abort(new Error('gone'));
    await expect(runGit({ args: ['status'], cwd, signal: cancelled })).rejects.toThrow('gone');
    const controller = new AbortController();
    const running = runGit({ args: ['status'], cwd, signal: controller.signal });
    controller.abort(new Error('gone later'));
    await expect(running).rejects.toThrow('gone later');
  });

  it('answers what git said when it fails, and rejects when the place is gone', async () => {
    using project = new TestProject();
    const failed = await runGit({ args: ['rev-parse', 'HEAD'], cwd: project.root });
    expect(failed.exitCode).not.toBe(0);
    expect(failed.error).toContain('not a git repository');
    await expect(runGit({ args: ['status'], cwd: join(project.root, 'none') })).rejects.toThrow('ENOENT');
  });
});
