import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { runCommand } from './run-command.ts';

const run = (command: readonly string[], timeoutMs = 10_000) =>
  runCommand({
    command,
    cwd: tmpdir(),
    env: { PATH: '/usr/bin:/bin' },
    timeoutMs,
    signal: new AbortController().signal,
  });

test('tells exit code and output', async () => {
  await expect(run(['sh', '-c', 'echo out; echo err >&2; exit 3'])).resolves.toMatchObject({
    exitCode: 3,
    outputTail: expect.stringMatching(/out\n.*err\n|err\n.*out\n/s),
    outputSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
});

test('the same output has the same hash, other output another', async () => {
  const [a, b, c] = await Promise.all([run(['echo', 'same']), run(['echo', 'same']), run(['echo', 'other'])]);
  expect(a.outputSha256).toBe(b.outputSha256);
  expect(a.outputSha256).not.toBe(c.outputSha256);
});

test('a command that cannot be started, or runs out of time, has no exit code', async () => {
  await expect(run(['/no/such/program'])).resolves.toMatchObject({ exitCode: null });
  await expect(run(['sh', '-c', 'sleep 60 & sleep 60'], 100)).resolves.toMatchObject({ exitCode: null });
});
