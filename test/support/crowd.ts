import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { openFilesOf, residentMb, zombiesOf } from './process-list.ts';
import type { Answer } from './sidecar-under-test.ts';
import type { ServerUnderTest } from './server-process.ts';

const program = resolve(import.meta.dirname, '../fixtures/agents/crowd-agent.sh');

/** What became of a crowd. */
export interface CrowdReport {
  /** States of the agents, each with how many. */
  readonly states: Readonly<Record<string, number>>;
  readonly results: number;
  /** From request to the first line of the agent’s own code, one for each agent, in milliseconds, sorted. */
  readonly firstCodeMs: readonly number[];
  /** From the first request until all have ended, in milliseconds. */
  readonly totalMs: number;
  /** Largest resident memory of the sidecar so far, in MiB. */
  readonly peakMb: number;
  readonly residentMb: number;
  readonly zombies: number;
  /** What the sidecar holds open afterwards that it did not before. */
  readonly leaked: readonly string[];
}

/**
 * Spawns many agents at once, one request each, and waits until all have ended.
 * @param issueId issue they work on; made here.
 */
export async function runCrowd(server: ServerUnderTest, issueId: string, count: number): Promise<CrowdReport> {
  const { body } = await server.call('GET', '/api/profiles');
  const types: string[] = body.profiles
    .filter((profile: { permissions: string[] }) => profile.permissions.includes('write_results'))
    .map((profile: { agent_type: string }) => profile.agent_type);
  await server.call('POST', '/api/issues', { body: { issue_id: issueId, title: 'Many at once' } });
  const before = openFilesOf(server.pid);
  const begunMs = performance.now();
  const asked = Array.from({ length: count }, async (_, index) => {
    const requestedMs = Date.now();
    const launcher = { kind: 'command', program };
    const agent_type = types[index % types.length];
    const answer = await server.call('POST', '/api/agents/spawn', {
      body: { agent_type, issue_id: issueId, task: 'One of many', launcher },
    });
    if (answer.status !== 201) throw new Error(`spawn was refused: ${JSON.stringify(answer.body)}`);
    return { agentId: String(answer.body.agent_id), requestedMs };
  });
  const agents = await Promise.all(asked);
  const states = await endedStates(server, issueId, count);
  const totalMs = performance.now() - begunMs;
  const { body: stored } = await server.call('GET', `/api/results?issue_id=${issueId}&limit=1000`);
  const startedAt = new Map<string, number>(
    stored.results.map((result: { agent_id: string; result: { summary: string } }) => [
      result.agent_id,
      Number(result.result.summary.replace('started ', '').replace(',', '.')) * 1000,
    ]),
  );
  await settled(server, before.length);
  const left = openFilesOf(server.pid);
  for (const path of before) {
    const index = left.indexOf(path);
    if (index >= 0) left.splice(index, 1);
  }
  return {
    states,
    results: stored.results.length,
    firstCodeMs: agents
      .map(({ agentId, requestedMs }) => (startedAt.get(agentId) ?? NaN) - requestedMs)
      .toSorted((a, b) => a - b),
    totalMs,
    peakMb: Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1] ?? NaN) / 1024,
    residentMb: residentMb(server.pid),
    zombies: zombiesOf(server.pid).length,
    leaked: left.filter((path) => !path.startsWith('socket:')),
  };
}

async function endedStates(server: ServerUnderTest, issueId: string, count: number): Promise<Record<string, number>> {
  const deadlineMs = Date.now() + 300_000;
  for (;;) {
    const { body }: Answer = await server.call('GET', `/api/agents?issue_id=${issueId}&live=false&limit=1000`);
    if (body.agents.length >= count || Date.now() > deadlineMs) {
      const states = Map.groupBy(body.agents, (agent: { state: string }) => agent.state);
      return Object.fromEntries([...states].map(([state, agents]) => [state, agents.length]));
    }
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** Waits until the sidecar holds no more open than that many files, for five seconds at most. */
async function settled(server: ServerUnderTest, files: number): Promise<void> {
  for (let round = 0; round < 50 && openFilesOf(server.pid).length > files; round += 1) {
    await new Promise((done) => setTimeout(done, 100));
  }
}
