import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { startChaosProxy, type ChaosProxy } from '../../packages/sdk/src/chaos-proxy.ts';
import { inspectStore } from '../soak/stored.ts';
import { bashAgent, spawn } from '../support/agents-under-test.ts';
import { processesOf } from '../support/process-list.ts';
import { startServer, type ServerUnderTest } from '../support/server-process.ts';
import { mountSmallDisk, type SmallDisk } from '../support/small-disk.ts';

/** Faults of a run; `CHAOS_FAULTS=200` is a long one. */
const FAULTS = Number(process.env['CHAOS_FAULTS'] ?? 7);
/** Another seed is another course: `CHAOS_SEED=7`. */
const SEED = Number(process.env['CHAOS_SEED'] ?? 20_261_128);
const PUBLISHERS = 4;
/** How far the clock jumps at most, forth or back: the token of an agent outlives that. */
const JUMP_MS = 20 * 60_000;
/** In a container that allows no mounting the disk does not fill up. */
const disk = mountSmallDisk('256m');
afterAll(() => disk?.[Symbol.dispose]());
const AGENTS = 4;

test(
  `agents killed, connections cut, the clock set, the disk full and a server short of memory killed, ${FAULTS} faults of seed ${SEED}: what was acknowledged is there once`,
  { timeout: 60_000 + FAULTS * 15_000 },
  async () => {
    const random = seeded(SEED);
    const dataDir = disk && join(disk.directory, 'data');
    const environment = { NODE_OPTIONS: '--max-old-space-size=160' };
    const server = await startServer(environment, dataDir, { settableClock: true });
    const token = readFileSync(join(server.dataDir, 'operator.token'), 'utf8').trim();
    let proxy: ChaosProxy = await startChaosProxy(server.port);
    const over = new AbortController();
    const events = new Set<string>();
    const results = new Set<string>();
    const sent = new Map<string, string>();
    try {
      await server.call('POST', '/api/issues', { body: { issue_id: 'issue-1', title: 'Chaos' } });
      const minted = await server.call('POST', '/api/tokens', { body: { agent_type: 'python-specialist' } });
      const agentToken: string = minted.body.token;
      const post = async (path: string, body: object, key: string, bearer = token): Promise<string> => {
        // The same request under the same key until it is answered, whatever happens to it.
        for (;;) {
          const headers = {
            authorization: `Bearer ${bearer}`,
            'content-type': 'application/json',
            'idempotency-key': key,
          };
          const request = { method: 'POST', headers, body: JSON.stringify(body), signal: AbortSignal.timeout(10_000) };
          const text = await fetch(`${proxy.url}${path}`, request)
            .then(async (response) => (response.ok ? response.text() : undefined))
            .catch(() => undefined);
          if (text !== undefined) return text;
          await sleep(20);
        }
      };
      const publish = async (name: number): Promise<void> => {
        for (let n = 0; !over.signal.aborted; n += 1) {
          const key = `chaos-${name}-${n}`;
          const event = JSON.parse(
            await post('/api/events/chaos_step', { topic: 'implementation', data: { key } }, key),
          );
          events.add(event.event_id);
          sent.set(key, event.event_id);
          if (n % 20 !== 0) continue;
          const body = { issue_id: 'issue-1', result: { status: 'success', summary: key } };
          results.add(JSON.parse(await post('/api/results', body, `result-${key}`, agentToken)).id);
        }
      };
      const publishing = Promise.all(Array.from({ length: PUBLISHERS }, (_, name) => publish(name)));
      const launcher = bashAgent(server, 'sleeper', 'sleep 600');
      const agents: string[] = [];
      for (let n = 0; n < AGENTS; n += 1) agents.push((await spawn(server, launcher)).body.agent_id);

      const faults = [
        async () => proxy.cut(),
        async () => proxy.loseNextAnswer(),
        async () => {
          for (const pid of processesOf(agents[Math.floor(random() * agents.length)] ?? '')) killIfThere(pid);
        },
        async () => {
          await server.kill();
          await server.start();
          const old = proxy;
          proxy = await startChaosProxy(server.port);
          await old.close();
        },
        () => server.setClock(Math.round((2 * random() - 1) * JUMP_MS)),
        ...(disk ? [async () => fillUp(server, disk)] : []),
      ];
      // Every kind comes, then as it is drawn.
      for (let n = 0; n < FAULTS; n += 1) {
        const before = events.size;
        await faults[n < faults.length ? n : Math.floor(random() * faults.length)]?.();
        await expect.poll(() => events.size, { timeout: 30_000 }).toBeGreaterThan(before + Math.floor(random() * 50));
      }
      over.abort();
      await publishing;

      await server.call('POST', '/api/agents/stop', { body: {} });
      const live = async (): Promise<number> => (await server.call('GET', '/api/agents?live=true')).body.agents.length;
      await expect.poll(live, { timeout: 60_000 }).toBe(0);
      await expect.poll(() => agents.flatMap(processesOf), { timeout: 30_000 }).toEqual([]);
      expect(results.size).toBeGreaterThan(0);
      expect(inspectStore(server.dataDir, events, results)).toEqual({ integrity: 'ok', lostEvents: 0, lostResults: 0 });
      const stored = await keysInLog(server);
      expect(stored.toSorted()).toEqual([...sent.keys()].toSorted());
    } finally {
      over.abort();
      await proxy.close();
      await server.stop();
    }
  },
);

/** Leaves it no room until it says so, then gives it back and waits until it is well. */
async function fillUp(server: ServerUnderTest, full: SmallDisk): Promise<void> {
  const health = async (): Promise<string> => (await server.call('GET', '/health')).body.status;
  const giveBack = full.fill();
  try {
    await expect.poll(health, { timeout: 30_000 }).toBe('degraded');
  } finally {
    giveBack();
  }
  await expect.poll(health, { timeout: 30_000 }).toBe('healthy');
}

async function keysInLog(server: ServerUnderTest): Promise<string[]> {
  const keys: string[] = [];
  for (let after = ''; ;) {
    const { body } = await server.call('GET', `/api/events?event_type=chaos_step&limit=1000${after}`);
    for (const { data } of body.events) keys.push(data.key);
    if (!body.more_available) return keys;
    after = `&after=${body.next_cursor}`;
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself meanwhile.
  }
}

/** Numbers from 0 up to 1, the same for the same seed (a linear congruential generator). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}
