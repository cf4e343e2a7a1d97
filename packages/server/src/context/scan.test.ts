import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { readCommits, readStatus } from './git-history.ts';
import { findRepository } from './repository.ts';
import { scanProject } from './scan.ts';
import { TestProject } from './test-project.ts';
import { createGatherer } from './gatherer.ts';
import { readFiles } from './indexed-files.ts';
import { ProjectIndex, withHistory } from './project-index.ts';
import { termHash } from './terms.ts';

const signal = new AbortController().signal;

async function pathsOf(root: string): Promise<string[]> {
  return (await scanProject(root, await findRepository(root, signal), signal)).files.map(({ path }) => path);
}

describe('scan', () => {
  it('lists what git tracks and what is new, less what either ignore file hides', async () => {
    using project = new TestProject().write({
      'src/a.py': '',
      'src/private/b.py': '',
      'src/.sidecarignore': 'private/\n!private/keep.py\n',
      '.gitignore': '*.log\n/build/\n',
      'x.log': '',
      'build/out.js': '',
      'deep/.gitignore': 'own.txt\n',
      'deep/own.txt': '',
    });
    project.git('init', '--quiet');
    project.git('add', 'src/a.py');
    const expected = ['.gitignore', 'deep/.gitignore', 'src/.sidecarignore', 'src/a.py'];
    expect(await pathsOf(project.root)).toEqual(expected);
    using plain = new TestProject().write({
      '.gitignore': '*.log\n',
      'a/b.py': '',
      'a/x.log': '',
      'node_modules/m/i.js': '',
    });
    expect(await pathsOf(plain.root)).toEqual(['.gitignore', 'a/b.py']);
  });

  it('follows no link, also where one has taken the place of a tracked directory', async () => {
    using outside = new TestProject().write({ 'secret.txt': 'outside' });
    using project = new TestProject().write({ 'src/secret.txt': 'inside', 'a.py': '' });
    project.git('init', '--quiet');
    project.commit('Initial commit');
    symlinkSync(join(outside.root, 'secret.txt'), join(project.root, 'link.txt'));
    symlinkSync(outside.root, join(project.root, 'links'));
    renameSync(join(project.root, 'src'), join(project.root, 'moved'));
    symlinkSync(outside.root, join(project.root, 'src'));
    expect(await pathsOf(project.root)).toEqual(['a.py', 'moved/secret.txt']);
    const gatherer = createGatherer();
    for (const path of [
      'src/secret.txt',
      'link.txt',
      'links/secret.txt',
      `../${outside.root.split('/').at(-1)}/secret.txt`,
    ]) {
      expect(await gatherer.file(project.root, path, signal)).toBeNull();
    }
  });

  it('does not enter submodules', async () => {
    using module = new TestProject().write({ 'inner.py': '' });
    module.git('init', '--quiet');
    module.commit('Inner');
    using project = new TestProject().write({ 'outer.py': '' });
    project.git('init', '--quiet');
    project.git('submodule', '--quiet', 'add', module.root, 'sub');
    project.commit('Outer');
    expect(await pathsOf(project.root)).toEqual(['.gitmodules', 'outer.py']);
    expect(await pathsOf(join(project.root, 'sub'))).toEqual(['inner.py']);
  });

  it('reads linked work trees, subdirectories, detached heads, shallow clones and bare repositories', async () => {
    using project = new TestProject().write({ 'pkg/a.py': '1', 'other/b.py': '' });
    project.git('init', '--quiet');
    project.commit('First');
    project.write({ 'pkg/a.py': '2' }).commit('Second');
    const sub = join(project.root, 'pkg');
    expect(await pathsOf(sub)).toEqual(['a.py']);
    using places = new TestProject();
    const historyOf = async (root: string) => {
      const repository = await findRepository(root, signal);
      if (repository === null) throw new Error('no repository');
      const status = await readStatus(root, repository, signal);
      return { branch: status?.branch, commits: await readCommits(root, repository, status?.head ?? null, signal) };
    };
    expect((await historyOf(sub)).commits[0]).toMatchObject({ message: 'Second', files: ['a.py'] });
    project.git('worktree', 'add', '--quiet', '--detach', join(places.root, 'tree'));
    expect(await pathsOf(join(places.root, 'tree'))).toEqual(['other/b.py', 'pkg/a.py']);
    expect(await historyOf(join(places.root, 'tree'))).toMatchObject({ branch: null, commits: [{}, {}] });
    project.git('clone', '--quiet', '--depth', '1', `file://${project.root}`, join(places.root, 'shallow'));
    expect((await historyOf(join(places.root, 'shallow'))).commits).toHaveLength(1);
    project.git('clone', '--quiet', '--bare', project.root, join(places.root, 'bare'));
    expect(await pathsOf(join(places.root, 'bare'))).toEqual([]);
    expect((await historyOf(join(places.root, 'bare'))).commits).toHaveLength(2);
  });

  it('does not believe a .git file that points to somebody else’s repository', async () => {
    using victim = new TestProject().write({ 'private.py': '' });
    victim.git('init', '--quiet');
    victim.commit('Private history');
    using project = new TestProject().write({ '.git': `gitdir: ${victim.root}/.git\n`, 'a.py': '' });
    expect(await findRepository(project.root, signal)).toBeNull();
    mkdirSync(join(project.root, 'linked'));
    symlinkSync(join(victim.root, '.git'), join(project.root, 'linked', '.git'));
    expect(await findRepository(join(project.root, 'linked'), signal)).toBeNull();
  });

  it('does not believe a repository that sends git to somebody else’s history', async () => {
    using victim = new TestProject().write({ 'private.py': '' });
    victim.git('init', '--quiet');
    victim.commit('Private history');
    const plant = (project: TestProject, gitDir: string): string => {
      mkdirSync(join(project.root, gitDir, 'refs'), { recursive: true });
      writeFileSync(join(project.root, gitDir, 'HEAD'), 'ref: refs/heads/main\n');
      return join(project.root, gitDir);
    };
    using shared = new TestProject();
    mkdirSync(join(plant(shared, '.git'), 'objects'));
    shared.write({ '.git/commondir': `${victim.root}/.git\n`, 'a.py': '' });
    using linked = new TestProject();
    plant(linked, 'planted');
    linked.write({
      '.git': 'gitdir: planted\n',
      'planted/commondir': `${victim.root}/.git\n`,
      'planted/gitdir': `${linked.root}/.git\n`,
    });
    using packs = new TestProject();
    const gitDir = plant(packs, '.git');
    mkdirSync(join(gitDir, 'objects'));
    symlinkSync(join(victim.root, '.git', 'objects', 'pack'), join(gitDir, 'objects', 'pack'));
    using borrowed = new TestProject();
    const borrower = plant(borrowed, '.git');
    borrowed.write({ '.git/objects/info/alternates': `${victim.root}/.git/objects\n` });
    symlinkSync(join(victim.root, '.git', 'refs', 'heads'), join(borrower, 'refs', 'heads'));
    for (const { root } of [shared, linked, packs, borrowed]) expect(await findRepository(root, signal)).toBeNull();
  });

  it('reads a clone that borrows its objects, and one whose lender is gone', async () => {
    using lender = new TestProject().write({ 'a.py': '1' });
    lender.git('init', '--quiet');
    lender.commit('Lent');
    using clone = new TestProject();
    clone.git('clone', '--quiet', '--shared', lender.root, '.');
    const look = async () => withHistory(await new ProjectIndex(clone.root).look(signal));
    expect((await look()).history?.commits).toMatchObject([{ message: 'Lent', files: ['a.py'] }]);
    renameSync(join(lender.root, '.git'), join(lender.root, 'gone'));
    const after = await look();
    expect(after.history?.commits ?? []).toEqual([]);
    expect(after.scan.files.map(({ path }) => path)).toEqual(['a.py']);
  });

  it('survives names that are not UTF-8 and directories that cannot be listed', async () => {
    using project = new TestProject().write({ 'a.py': '' });
    writeFileSync(Buffer.concat([Buffer.from(`${project.root}/`), Buffer.from([0xff, 0xfe]), Buffer.from('.py')]), '');
    expect(await pathsOf(project.root)).toEqual(['a.py']);
    expect(await pathsOf(join(project.root, 'none'))).toEqual([]);
  });
});

describe('looking again', () => {
  const FILES = { 'src/a.py': 'a = 1\n', 'src/b.py': 'b = 1\n', 'docs/c.md': 'c\n' };

  it('at what was edited sees what a look at everything sees', async () => {
    using project = new TestProject().write(FILES);
    project.git('init', '--quiet');
    project.commit('Initial commit');
    project.write({ 'new.py': 'n = 1\n' });
    const index = new ProjectIndex(project.root);
    let state = await index.look(signal);
    const edits: readonly (readonly [path: string, edit: (path: string) => void])[] = [
      ['src/a.py', (path) => project.write({ [path]: 'a = 2\n' })],
      ['src/b.py', (path) => project.write({ [path]: 'b = 2\n' })],
      ['src/a.py', (path) => project.write({ [path]: FILES['src/a.py'] })],
      ['new.py', (path) => project.write({ [path]: 'n = 2\n' })],
      [
        'docs/c.md',
        (path) => {
          project.write({ 'docs/.c.md.swp': 'c again\n' });
          renameSync(join(project.root, 'docs/.c.md.swp'), join(project.root, path));
        },
      ],
    ];
    for (const [path, edit] of edits) {
      edit(path);
      const again = await index.lookAgain(state, [path, 'docs/.c.md.swp'], signal);
      state = await new ProjectIndex(project.root).look(signal);
      expect(again).toEqual(state);
    }
    expect(state.changes).toEqual(['docs/c.md', 'new.py', 'src/b.py']);
  });

  it('does without git where sizes tell, and asks it where they do not', async () => {
    using project = new TestProject().write({
      ...FILES,
      'gone.md': 'g\n',
      'kept.md': 'k\n',
      '.gitattributes': '*.md text\n',
    });
    project.git('init', '--quiet');
    project.commit('Initial commit');
    project.git('rm', '--quiet', '--cached', 'gone.md');
    project.git('update-index', '--assume-unchanged', 'kept.md');
    project.write({ 'new.py': 'n = 1\n' });
    const index = new ProjectIndex(project.root);
    const state = await index.look(signal);
    const stopped = AbortSignal.abort(new Error('git was asked'));
    for (const path of ['src/a.py', 'docs/c.md', 'new.py', 'gone.md']) {
      project.write({ [path]: 'longer than before\r\n' });
      const again = await index.lookAgain(state, ['src/a.py', 'docs/c.md', 'new.py', 'gone.md'], signal);
      expect(again, path).toEqual(await new ProjectIndex(project.root).look(signal));
      expect((await index.lookAgain(state, [path], stopped))?.changes, path).toContain(path);
    }
    project.write({ 'src/b.py': 'b = 2\n', 'kept.md': 'longer than before\n' });
    for (const path of ['src/b.py', 'kept.md'])
      await expect(index.lookAgain(state, [path], stopped), path).rejects.toThrow('git was asked');
    project.git('add', '--all');
    await expect(index.lookAgain(state, ['src/a.py'], stopped)).rejects.toThrow('git was asked');
  });

  it('is not enough where files came or went, or rules changed', async () => {
    using project = new TestProject().write({ ...FILES, '.sidecarignore': 'none\n', '.gitattributes': '*.md text\n' });
    project.git('init', '--quiet');
    project.commit('Initial commit');
    const index = new ProjectIndex(project.root);
    const state = await index.look(signal);
    expect(await index.lookAgain(state, ['src/a.py'], signal)).toEqual(state);
    project.write({ 'src/new.py': '' });
    rmSync(join(project.root, 'src/b.py'));
    symlinkSync('/etc/passwd', join(project.root, 'src/b.py'));
    renameSync(join(project.root, 'docs'), join(project.root, 'elsewhere'));
    symlinkSync('/etc', join(project.root, 'docs'));
    for (const path of ['src/new.py', 'src/b.py', 'docs', 'docs/c.md', 'elsewhere', '.sidecarignore', '.gitattributes'])
      expect(await index.lookAgain(state, [path], signal), path).toBeNull();
    rmSync(join(project.root, 'docs'));
    expect(await index.lookAgain(state, ['docs'], signal)).toBeNull();
  });

  it('does without git where there is none', async () => {
    using project = new TestProject().write(FILES);
    const index = new ProjectIndex(project.root);
    const state = await index.look(signal);
    project.write({ 'src/a.py': 'a = 22\n' });
    const again = await index.lookAgain(state, ['src/a.py'], signal);
    expect(again?.digest).not.toBe(state.digest);
    expect(again).toEqual(await new ProjectIndex(project.root).look(signal));
    project.git('init', '--quiet');
    expect(await index.lookAgain(state, ['src/a.py'], signal)).toBeNull();
  });
});

describe('a second reader', () => {
  it('that fails leaves nothing unread', async () => {
    const paths = Array.from({ length: 1300 }, (_, index) => `src/part${index}.py`);
    using project = new TestProject().write(Object.fromEntries(paths.map((path) => [path, 'def login(): pass\n'])));
    let asked = 0;
    const index = new ProjectIndex(project.root, () => {
      asked++;
      return Promise.reject(new Error('the thread died'));
    });
    const files = await index.index(await index.look(signal), signal);
    expect(asked).toBeGreaterThan(0);
    expect(asked).toBeLessThanOrEqual(4);
    expect(files.filter(({ text }) => text.length > 0)).toHaveLength(paths.length);
  });

  it('that does not come to its turn is not waited for', async () => {
    const paths = Array.from({ length: 150 }, (_, index) => `part${index}.py`);
    using project = new TestProject().write(Object.fromEntries(paths.map((path) => [path, 'x = 1\n'])));
    let asked = 0;
    const index = new ProjectIndex(project.root, () => {
      asked++;
      return new Promise(() => {});
    });
    expect(await index.index(await index.look(signal), signal)).toHaveLength(paths.length);
    expect(asked).toBe(2);
  });

  it('is not waited for once the request is cancelled', async () => {
    const paths = Array.from({ length: 1300 }, (_, index) => `part${index}.py`);
    using project = new TestProject().write(Object.fromEntries(paths.map((path) => [path, 'x = 1\n'])));
    const cancelled = new AbortController();
    const index = new ProjectIndex(project.root, (_root, _files, stop) => {
      cancelled.abort(new Error('gone'));
      return Promise.reject(stop.reason as Error);
    });
    const state = await index.look(signal);
    await expect(index.index(state, cancelled.signal)).rejects.toThrow('gone');
  });

  describe('ahead of the index', () => {
    const paths = Array.from({ length: 1000 }, (_, index) => `part${index}.py`);
    const project = new TestProject().write(Object.fromEntries(paths.map((path) => [path, 'x = 1\n'])));
    afterAll(() => project[Symbol.dispose]());

    it('is given no more once the tree was looked at, until somebody wants the files', async () => {
      const late = Promise.withResolvers<void>();
      let asked = 0;
      const index = new ProjectIndex(project.root, async (root, files) => {
        asked++;
        await late.promise;
        return readFiles(root, files);
      });
      const state = await index.look(signal);
      expect(asked).toBe(2);
      late.resolve();
      await nextTurn();
      expect(asked).toBe(2);
      expect(await index.index(state, signal)).toHaveLength(paths.length);
    });

    it('is not started for few files', async () => {
      using small = new TestProject().write({ 'a.py': '', 'b.py': '' });
      let asked = 0;
      const index = new ProjectIndex(small.root, (root, files) => {
        asked++;
        return Promise.resolve(readFiles(root, files));
      });
      expect(await index.index(await index.look(signal), signal)).toHaveLength(2);
      expect(asked).toBe(0);
    });

    it('begins anew after a look that was cancelled', async () => {
      const cancelled = new AbortController();
      let asked = 0;
      const index = new ProjectIndex(project.root, () => {
        asked++;
        cancelled.abort(new Error('gone'));
        return Promise.reject(new Error('gone'));
      });
      await expect(index.look(cancelled.signal)).rejects.toThrow('gone');
      expect(asked).toBe(1);
      await index.look(signal);
      expect(asked).toBe(2);
    });

    it('tells nothing old of a file that was edited between two looks', async () => {
      const late = Promise.withResolvers<void>();
      const index = new ProjectIndex(project.root, async (root, files) => {
        const old = readFiles(root, files);
        await late.promise;
        return old;
      });
      await index.look(signal);
      project.write({ 'part0.py': 'edited_since = 1\n' });
      const indexing = index.index(await index.look(signal), signal);
      late.resolve();
      const edited = (await indexing).find(({ path }) => path === 'part0.py');
      expect(edited && [...edited.text.terms]).toContain(termHash('edited'));
    });

    it('overwrites nothing that was read anew after an index that was cancelled', async () => {
      const late = Promise.withResolvers<void>();
      const cancelled = new AbortController();
      const index = new ProjectIndex(project.root, async (root, files, stop) => {
        stop.throwIfAborted();
        const read = readFiles(root, files);
        if (cancelled.signal.aborted) late.resolve();
        else await late.promise;
        return read;
      });
      const first = await index.look(signal);
      cancelled.abort(new Error('gone'));
      await expect(index.index(first, cancelled.signal)).rejects.toThrow('gone');
      // Of those that were read ahead, one that the index reads itself while the other reader has its first part.
      const path = paths.toSorted()[150] ?? '';
      project.write({ [path]: 'edited_again = 1\n' });
      const edited = (await index.index(await index.look(signal), signal)).find((file) => file.path === path);
      expect(edited && [...edited.text.terms]).toContain(termHash('again'));
    });
  });
});
