import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentContext } from '@orchestration-sidecar/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createContextInjector, type ContextInjector } from './index.ts';
import { TestProject, testProfile, testRequest } from './test-project.ts';

const cacheDir = mkdtempSync(join(tmpdir(), 'sidecar-context-cache-'));
let injector: ContextInjector;

beforeAll(() => {
  injector = createContextInjector({ cacheDir, cacheMaxBytes: 64 * 1024 * 1024, now: () => new Date(), workers: 1 });
});
afterAll(async () => {
  await injector.close();
  rmSync(cacheDir, { recursive: true, force: true });
});

const FILES = {
  'src/login.py': 'def login(user, password):\n    return check(user, password)\n',
  'src/colors.py': 'RED = 1\n',
  'requirements.txt': 'fastapi==1.0\npytest>=8\n',
  'coverage.xml': '<coverage line-rate="0.855"></coverage>',
};

describe('gather', () => {
  it('answers the specified shape with the file the task is about first', async () => {
    using project = new TestProject().write(FILES);
    project.git('init', '--quiet');
    project.commit('Initial commit');
    project.write({ 'src/new.py': 'x = 1\n' });
    const context = await injector.gather(testRequest(project, { lastBuildStatus: 'success' }));
    expect(AgentContext.parse(context)).toEqual(context);
    expect(context.context.relevant_files[0]?.path).toBe('src/login.py');
    expect(context.context.relevant_files[0]?.content).toBe(FILES['src/login.py']);
    expect(context.context.git_context.branch).toBe('main');
    expect(context.context.git_context.recent_commits[0]).toMatchObject({ message: 'Initial commit', author: 'Test' });
    expect(context.context.git_context.recent_commits[0]?.files).toEqual(Object.keys(FILES).toSorted());
    expect(context.context.git_context.uncommitted_changes).toEqual(['src/new.py']);
    expect(context.context.metadata).toEqual({
      project_type: 'python',
      dependencies: ['fastapi', 'pytest'],
      test_coverage: 85.5,
      last_build_status: 'success',
    });
    expect(context.truncated).toBe(false);
    expect(context.truncation_strategy).toBe('none');
  });

  const reads = process.platform === 'linux' && availableParallelism() > 1;
  it.runIf(reads)('gives way to those who answer, by the priority of its second reader', async () => {
    const many = Array.from({ length: 300 }, (_, index) => [`part${index}.py`, 'x = 1\n']);
    using project = new TestProject().write(Object.fromEntries(many));
    await injector.gather(testRequest(project));
    const niceness = readdirSync('/proc/self/task').flatMap((thread) => {
      try {
        const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
      } catch {
        return []; // It has ended since.
      }
    });
    expect(niceness).toContain(getPriority() + 5);
    expect(Math.max(...niceness)).toBe(getPriority() + 5);
  });

  it('answers from the cache until the tree changes', async () => {
    using project = new TestProject().write(FILES);
    project.git('init', '--quiet');
    project.commit('Initial commit');
    const request = testRequest(project);
    expect((await injector.gather(request)).cache_hit).toBe(false);
    expect((await injector.gather(request)).cache_hit).toBe(true);
    project.write({ 'src/login.py': 'def login(user):\n    return None\n' });
    const after = await injector.gather(request);
    expect(after.cache_hit).toBe(false);
    expect(after.context.relevant_files[0]?.content).toContain('return None');
    expect(injector.clear('project', 'issue-1')).toBeGreaterThan(0);
    expect((await injector.gather(request)).cache_hit).toBe(false);
  });

  it('regression: answers from states of the tree that are over filled memory and disk', async () => {
    using project = new TestProject().write(FILES);
    const issue = { issue_id: 'issue-8', title: 'login', body: '' };
    const request = testRequest(project, { issue });
    const kept = (): string[] => readdirSync(join(cacheDir, 'project', 'issue-8'));
    for (const other of ['a', 'b']) await injector.gather({ ...request, task: other });
    for (let n = 0; n < 3; n++) {
      project.write({ 'src/login.py': `def login(): return ${n}\n` });
      expect((await injector.gather(request)).cache_hit).toBe(false);
    }
    await expect.poll(kept).toHaveLength(3);
    expect(injector.clear('project', 'issue-8')).toBe(3);
  });

  it('notices every kind of change at once, watched or not', async () => {
    using project = new TestProject().write({
      ...FILES,
      '.gitignore': 'logs/*.log\ncoverage.xml\n',
      'logs/a.log': 'x',
    });
    project.git('init', '--quiet');
    project.commit('Initial commit');
    const request = testRequest(project);
    const changes: (() => void)[] = [
      () => project.write({ 'src/login.py': 'def login(): pass\n' }),
      () => project.write({ 'logs/login.txt': 'new in a directory of ignored files' }),
      () => project.write({ 'coverage.xml': '<coverage line-rate="0.5"></coverage>' }),
      () => project.commit('Second commit'),
      () => project.git('checkout', '--quiet', '-b', 'other'),
      () => project.write({ 'src/deep/er/login.py': 'def login(): pass\n' }),
      () => project.write({ '.sidecarignore': 'colors.py\n' }),
      () => project.git('rm', '--quiet', '--cached', 'src/colors.py'),
    ];
    for (const change of changes) {
      let hits = 0;
      // Until the watch has settled every request looks; after it, none does. Both must see the change.
      for (let asked = 0; asked < 6; asked++) hits += Number((await injector.gather(request)).cache_hit);
      expect(hits).toBeGreaterThanOrEqual(5);
      change();
      expect((await injector.gather(request)).cache_hit, change.toString()).toBe(false);
    }
  });

  it('is warm after a restart, and clear forgets what is on disk', async () => {
    using project = new TestProject().write(FILES);
    project.git('init', '--quiet');
    project.commit('Initial commit');
    const now = (): Date => new Date('2026-01-01T10:00:00Z');
    const open = (): ContextInjector => createContextInjector({ cacheDir, cacheMaxBytes: 1e8, now, workers: 1 });
    const request = testRequest(project, { issue: { issue_id: 'issue-9', title: 'login', body: '' } });
    const first = open();
    const before = await first.gather(request);
    await first.close();
    const second = open();
    expect(await second.gather(request)).toEqual({ ...before, cache_hit: true });
    expect(second.clear('project', 'issue-9')).toBe(1);
    expect((await second.gather(request)).cache_hit).toBe(false);
    await second.close();
    await expect(second.gather(request)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  it('computes identical requests once, and one that is cancelled leaves the others', async () => {
    using project = new TestProject().write(FILES);
    const cancelled = new AbortController();
    const [gone, ...answers] = [
      injector.gather(testRequest(project, { title: 'once', signal: cancelled.signal })),
      injector.gather(testRequest(project, { title: 'once' })),
      injector.gather(testRequest(project, { title: 'once' })),
    ];
    cancelled.abort(new Error('gone'));
    await expect(gone).rejects.toThrow('gone');
    const [a, b] = await Promise.all(answers);
    // The very same object: two computations would have answered two.
    expect(a?.context).toBe(b?.context);
  });

  it('works without git, in an empty directory, and in an empty repository', async () => {
    using plain = new TestProject().write({ ...FILES, '.gitignore': 'secret-plans.py\n', 'secret-plans.py': 'login' });
    const context = await injector.gather(testRequest(plain));
    expect(context.context.git_context).toEqual({
      branch: null,
      head: null,
      recent_commits: [],
      uncommitted_changes: [],
      unavailable: null,
    });
    expect(context.context.project_structure.files).not.toContain('secret-plans.py');
    using empty = new TestProject();
    expect((await injector.gather(testRequest(empty))).file_count).toBe(0);
    using unborn = new TestProject().write(FILES);
    unborn.git('init', '--quiet');
    expect((await injector.gather(testRequest(unborn))).context.git_context.branch).toBe('main');
  });

  it('never exceeds max_bytes', async () => {
    using project = new TestProject().write({ ...FILES, 'src/big.py': 'login = 1\n'.repeat(50_000) });
    for (const maxBytes of [1024, 2000, 10_000, 100_000]) {
      const context = await injector.gather(testRequest(project, { maxBytes, body: 'words '.repeat(3000) }));
      expect(Buffer.byteLength(JSON.stringify(context))).toBeLessThanOrEqual(maxBytes);
      expect(context.truncated).toBe(true);
    }
  });

  it('brings in by requirement what the task does not name', async () => {
    using project = new TestProject().write({ ...FILES, 'README.md': '# Hello\n', 'tests/test_colors.py': 'pass\n' });
    const profile = testProfile(['readme_files', 'test_files', 'dependency_manifests']);
    const context = await injector.gather(
      testRequest(project, { profile, requirements: profile.context_requirements }),
    );
    expect(context.context.relevant_files.map(({ path }) => path).toSorted()).toEqual([
      'README.md',
      'requirements.txt',
      'tests/test_colors.py',
    ]);
    expect(context.context.project_structure.files).toContain('src/login.py');
  });
});

describe('recent', () => {
  it('adds what changed in the last 24 h, but not the commit that began the project', async () => {
    // More about the task than the few files that always come in.
    const about = ['form', 'page', 'route', 'token', 'view'].map((name) => `src/login_${name}.py`);
    using project = new TestProject().write({
      ...FILES,
      ...Object.fromEntries(about.map((path) => [path, 'def login(password):\n    return password\n'])),
    });
    project.git('init', '--quiet');
    project.commit('Initial commit');
    const paths = async (): Promise<string[]> => {
      const { context } = await injector.gather(testRequest(project, { title: 'login password' }));
      return context.relevant_files.map(({ path }) => path);
    };
    expect(await paths()).not.toContain('src/colors.py');
    project.write({ 'src/colors.py': 'GREEN = 2\n' });
    expect(await paths()).toContain('src/colors.py');
    project.commit('Colours');
    expect(await paths()).toContain('src/colors.py');
  });
});

describe('file', () => {
  const signal = new AbortController().signal;

  it('reads a file of the project and nothing else', async () => {
    using project = new TestProject().write({
      ...FILES,
      '.env': 'KEY=1\n',
      '.sidecarignore': 'hidden.py\n',
      'hidden.py': 'x\n',
    });
    const target = { project_id: 'project', root: project.root };
    const answer = await injector.file({ project: target, path: 'src/login.py', signal });
    expect(answer).toMatchObject({ path: 'src/login.py', content: FILES['src/login.py'], truncated: false });
    for (const path of ['../etc/passwd', '/etc/passwd', '.env', 'hidden.py', 'src', 'none.py', 'src/../.env']) {
      await expect(injector.file({ project: target, path, signal })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    }
  });
});
