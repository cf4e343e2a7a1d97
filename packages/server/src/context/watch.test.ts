import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { TestProject } from './test-project.ts';
import { TreeWatch } from './watch.ts';

const { signal } = new AbortController();

it.runIf(process.platform === 'linux')(
  'regression: the watch of a linked work tree missed what changed in the repository it shares',
  async () => {
    using project = new TestProject().write({ 'a.txt': '1' });
    using places = new TestProject();
    project.git('init', '--quiet');
    project.commit('First');
    project.write({ 'a.txt': '2' }).commit('Second');
    const root = join(places.root, 'tree');
    project.git('worktree', 'add', '--quiet', '-b', 'topic/linked', root);
    const watch = new TreeWatch();
    onTestFinished(() => watch.stop(root));
    expect(await watch.start(root, signal)).toBe(true);
    const changes: (() => unknown)[] = [
      () => project.git('update-ref', 'refs/heads/topic/linked', 'HEAD~1'),
      () => project.git('pack-refs', '--all'),
      () => writeFileSync(join(project.root, '.git', 'info', 'exclude'), '*.log\n'),
    ];
    for (const change of changes) {
      await watch.start(root, signal);
      expect(await watch.unchanged(root)).toBe(true);
      change();
      expect(await watch.unchanged(root), change.toString()).toBe(false);
    }
  },
);
