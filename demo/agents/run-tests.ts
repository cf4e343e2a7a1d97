import { spawnSync } from 'node:child_process';

/** Runs one test file with node’s own test runner; by default in the working directory, which is the project’s. */
export function runTests(file: string, project?: string): { passed: boolean; count: number; report: string } {
  const { status, stdout } = spawnSync(process.execPath, ['--test', '--test-reporter=tap', file], {
    encoding: 'utf8',
    ...(project === undefined ? {} : { cwd: project }),
  });
  const count = Number(/^# pass (\d+)$/m.exec(stdout)?.[1] ?? 0);
  return { passed: status === 0 && count > 0, count, report: stdout.slice(-4000) };
}
