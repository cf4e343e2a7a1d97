import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { bashAgent, spawn, until } from '../support/agents-under-test.ts';
import { startServer } from '../support/server-process.ts';

const coreLimits = (limits: string): string[] | undefined =>
  /^Max core file size +(\w+) +(\w+) /m.exec(limits)?.slice(1, 3);

test.runIf(process.platform === 'linux')('neither a sidecar nor its agents may dump their memory', async () => {
  // What the sidecar inherits from this process would allow it.
  execFileSync('prlimit', ['--core=unlimited:', '--pid', String(process.pid)]);
  const server = await startServer();
  const ofServer = (): string[] | undefined => coreLimits(readFileSync(`/proc/${server.pid}/limits`, 'utf8'));
  await expect.poll(ofServer).toEqual(['1', '1']);
  await server.call('POST', '/api/issues', { body: { issue_id: 'issue-1', title: 'Dumps' } });
  const { body } = await spawn(server, bashAgent(server, 'limits', 'cat /proc/$$/limits > limits'));
  await until(server, body.agent_id, 'exited');
  expect(coreLimits(readFileSync(`${server.project}/limits`, 'utf8'))).toEqual(['1', '1']);
  await server.stop();
});
