import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { processTable } from './process-table.ts';
import { runCommand } from './run-command.ts';

const run = (command: readonly string[], timeoutMs = 10_000, marker = `command-${process.pid}`) =>
  runCommand({
    marker,
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

test('regression: what it leaves in a session of its own, holding its output, neither keeps it from ending nor lives on', async () => {
  const leave = 'setsid sleep 300 & echo left';
  const left = async (marker: string) => (await processTable()).filter((row) => row.marker() === marker);
  const done = await run(['bash', '-c', `${leave}; exit 3`], 10_000, 'done');
  expect(done).toMatchObject({ exitCode: 3, outputTail: 'left\n' });
  const late = await run(['bash', '-c', `${leave}; sleep 300`], 300, 'late');
  expect(late.exitCode).toBeNull();
  expect([...(await left('done')), ...(await left('late'))]).toEqual([]);
});

test('regression: what a killed sidecar left of the same run is ended before the next', async () => {
  const earlier = spawn('sleep', ['300'], { env: { PATH: '/usr/bin:/bin', SIDECAR_PROCESS_MARKER: 'the-run' } });
  const ended = once(earlier, 'exit');
  await run(['true'], 10_000, 'another-run');
  expect(earlier.signalCode).toBeNull();
  await run(['true'], 10_000, 'the-run');
  expect(await ended).toEqual([null, 'SIGKILL']);
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
