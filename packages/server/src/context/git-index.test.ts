import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseGitIndex } from './git-index.ts';
import { findRepository } from './repository.ts';
import { TestProject } from './test-project.ts';
import { TrackedPaths } from './tracked-paths.ts';

const LONG = `${'long/'.repeat(900)}name.py`;
const PATHS = ['a.py', 'äß/ü.py', 'src/a.py', 'src/ab.py', 'src/ab/c.py', 'src/b', 'z'.repeat(200), 'ä.py', 'ö.py'];

describe('git index', () => {
  const project = new TestProject().write(Object.fromEntries(PATHS.map((path) => [path, path])));
  project.git('init', '--quiet');
  project.commit('Initial commit');
  // Longer than the length that an entry can state.
  const hash = project.git('hash-object', '-w', 'a.py').trim();
  project.git('update-index', '--add', '--cacheinfo', `100644,${hash},${LONG}`);
  project.git('update-index', '--skip-worktree', 'src/b');
  afterAll(() => project[Symbol.dispose]());
  const file = join(project.root, '.git/index');
  const listed = (cwd = '.'): string[] =>
    project.git('-C', cwd, '-c', 'core.quotePath=false', 'ls-files', '--cached').trim().split('\n');

  it.each([2, 3, 4])('is read as git reads it, version %i', (version) => {
    project.git('update-index', '--index-version', String(version), '--force-write-index');
    expect(parseGitIndex(readFileSync(file))?.paths).toEqual(listed());
    expect(listed()).toContain(LONG);
  });

  it('is read from a part of the repository', async () => {
    const { signal } = new AbortController();
    const root = join(project.root, 'src');
    const repository = await findRepository(root, signal);
    expect(repository && (await new TrackedPaths().read(root, repository, signal))).toEqual(listed('src'));
  });

  it('leads nowhere outside when it was planted', async () => {
    using outside = new TestProject().write({ 'a.py': '' });
    using planted = new TestProject().write({ 'inside.py': '', [`xx/${outside.root.split('/').at(-1)}/a.py`]: '' });
    planted.git('init', '--quiet');
    planted.git('add', '--all');
    const own = join(planted.root, '.git/index');
    writeFileSync(own, Buffer.from(readFileSync(own).toString('latin1').replace('xx/', '../'), 'latin1'));
    expect(parseGitIndex(readFileSync(own))?.paths).toContain(`../${outside.root.split('/').at(-1)}/a.py`);
    const { signal } = new AbortController();
    const repository = await findRepository(planted.root, signal);
    expect(repository && (await new TrackedPaths().read(planted.root, repository, signal))).toEqual(['inside.py']);
  });

  it('is left to git, without waiting for it, when it is a pipe', async () => {
    using piped = new TestProject().write({ 'a.py': '' });
    piped.git('init', '--quiet');
    piped.git('add', '--all');
    const own = join(piped.root, '.git/index');
    rmSync(own);
    execFileSync('mkfifo', [own]);
    const repository = await findRepository(piped.root, new AbortController().signal);
    // Git is not waited for either: it would read the pipe until its time is over.
    const asked = repository && new TrackedPaths().read(piped.root, repository, AbortSignal.abort(new Error('gone')));
    await expect(asked).rejects.toThrow('gone');
  });

  it('is left to git when its paths unfold to more than their bound', () => {
    project.git('update-index', '--index-version', '4', '--force-write-index');
    const bytes = readFileSync(file);
    const unfolded = listed().reduce((sum, path) => sum + Buffer.byteLength(path), 0);
    expect(parseGitIndex(bytes, unfolded)?.paths).toEqual(listed());
    expect(parseGitIndex(bytes, unfolded - 1)).toBeNull();
  });

  it('is left to git when it has an extension that must be understood', () => {
    const bytes = readFileSync(file);
    const withExtension = (name: string): Buffer =>
      Buffer.concat([bytes.subarray(0, -20), Buffer.from(`${name}\0\0\0\0`), bytes.subarray(-20)]);
    expect(parseGitIndex(withExtension('ZZZZ'))?.paths).toEqual(listed());
    for (const name of ['zzzz', 'sdir', '\u0001ZZZ']) expect(parseGitIndex(withExtension(name))).toBeNull();
  });

  it('is left to git when it is damaged, split or of another hash', () => {
    const bytes = readFileSync(file);
    for (let length = 0; length < bytes.length; length += 7)
      expect(parseGitIndex(bytes.subarray(0, length))).toBeNull();
    project.git('update-index', '--split-index');
    expect(parseGitIndex(readFileSync(file))).toBeNull();
    project.git('update-index', '--no-split-index');
    using other = new TestProject().write({ 'a.py': '', 'b.py': '' });
    other.git('init', '--quiet', '--object-format=sha256');
    other.git('add', '--all');
    expect(parseGitIndex(readFileSync(join(other.root, '.git/index')))).toBeNull();
  });
});
