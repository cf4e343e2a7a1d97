import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createGatherer } from './gatherer.ts';
import { ProjectIndex, withHistory } from './project-index.ts';
import { TestProject, testRequest } from './test-project.ts';

const signal = new AbortController().signal;

/** A directory with a program called git, found before the real one: it runs a line of shell, and then git. */
function gitAfter(line: string): TestProject {
  const real = execFileSync('/bin/sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim();
  const place = new TestProject();
  writeFileSync(join(place.root, 'git'), `#!/bin/sh\n${line}\nexec '${real}' "$@"\n`, { mode: 0o755 });
  vi.stubEnv('PATH', [place.root, process.env['PATH']].join(delimiter));
  return place;
}

afterEach(() => vi.unstubAllEnvs());

describe.skipIf(process.platform === 'win32')('the history of a project', () => {
  it('is not waited for by a look', async () => {
    using project = new TestProject().write({ 'a.py': '1' });
    project.git('init', '--quiet');
    project.commit('First');
    using place = gitAfter('case " $* " in *" log "*) while [ ! -e "${0%/*}/go" ]; do sleep 0.02; done ;; esac');
    const tree = await new ProjectIndex(project.root).look(signal);
    expect(tree.position?.branch).toBeDefined();
    place.write({ go: '' });
    expect((await withHistory(tree)).history?.commits).toMatchObject([{ message: 'First', files: ['a.py'] }]);
  });

  it('is read again for who comes next when the one it was read for has gone', async () => {
    using project = new TestProject().write({ 'a.py': '1' });
    project.git('init', '--quiet');
    project.commit('First');
    using place = gitAfter('case " $* " in *" log "*) while [ ! -e "${0%/*}/go" ]; do sleep 0.02; done ;; esac');
    const gatherer = createGatherer();
    const gone = new AbortController();
    const { digest } = await gatherer.look(project.root, true, null, gone.signal);
    gone.abort();
    place.write({ go: '' });
    const { signal: _, ...request } = testRequest(project);
    const { context } = await gatherer.gather({ ...request, nowMs: 0 }, digest, signal);
    expect(context.context.git_context.recent_commits.map(({ message }) => message)).toEqual(['First']);
  });

  it('that git could not be started for is missing, which is said, and asked for again', async () => {
    using project = new TestProject().write({ 'a.py': '1' });
    project.git('init', '--quiet');
    project.commit('First');
    const gatherer = createGatherer();
    await gatherer.look(project.root, true, null, signal);
    project.write({ 'a.py': '2' }).commit('Second');
    // Gone once it has been started to tell where the repository stands, with nothing else in its place.
    using place = gitAfter('/bin/rm "$0"');
    vi.stubEnv('PATH', place.root);
    const { digest } = await gatherer.look(project.root, true, null, signal);
    const { signal: _, ...request } = testRequest(project);
    const task = { ...request, nowMs: 0 };
    const without = await gatherer.gather(task, digest, signal);
    expect(without.context.context.git_context).toMatchObject({ recent_commits: [], unavailable: expect.any(String) });
    vi.unstubAllEnvs();
    const looked = await gatherer.look(project.root, true, null, signal);
    const { context } = await gatherer.gather(task, looked.digest, signal);
    expect(context.context.git_context.recent_commits.map(({ message }) => message)).toEqual(['Second', 'First']);
  });
});
