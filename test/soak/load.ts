import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { SidecarError } from '@orchestration-sidecar/shared';
import { kindFor } from './kinds.ts';
import type { SoakAgent } from './soak-agents.ts';

/** What a load found out. */
export interface Load {
  /** Latencies of each kind, in milliseconds from when the call was due. */
  readonly latencies: Map<string, number[]>;
  /** From publishing until a subscriber has it, in milliseconds. */
  readonly deliveries: number[];
  /** How often each code came, with the kind of call: `publish RATE_LIMITED`. */
  readonly errors: Map<string, number>;
  /** Ids of acknowledged events and results. */
  readonly events: Set<string>;
  readonly results: Set<string>;
}

/** Who of the agents also follows the log. */
const SUBSCRIBES_EVERY = 6;

/**
 * Calls at a steady rate, whether or not earlier calls have been answered, for as long as an agent is idle: a stall of
 * the server is seen in every latency it causes.
 */
export async function runLoad(
  agents: readonly SoakAgent[],
  { seconds, rate, random }: { seconds: number; rate: number; random: () => number },
): Promise<Load> {
  const load: Load = {
    latencies: new Map(),
    deliveries: [],
    errors: new Map(),
    events: new Set(),
    results: new Set(),
  };
  const over = new AbortController();
  const following = agents.flatMap((agent) =>
    agent.index % SUBSCRIBES_EVERY === 1 ? [follow(agent, load, over.signal)] : [],
  );
  const idle = [...agents];
  const pending = new Set<Promise<void>>();
  const startedMs = performance.now();
  // By the clock: a server that cannot keep up answers fewer calls, and the rate reached says so.
  for (let n = 0; n < seconds * rate && performance.now() - startedMs < seconds * 1000; n += 1) {
    const dueMs = startedMs + (n * 1000) / rate;
    if (dueMs > performance.now()) await sleep(dueMs - performance.now());
    // An agent makes one call at a time; what that delays counts as the call’s latency.
    while (idle.length === 0) await Promise.race(pending);
    const [agent] = idle.splice(Math.floor(random() * idle.length), 1);
    if (agent === undefined) throw new Error('there are no agents');
    const call = callOnce(agent, random(), `${n}`, dueMs, load).finally(() => {
      pending.delete(call);
      idle.push(agent);
    });
    pending.add(call);
  }
  await Promise.all(pending);
  over.abort();
  await Promise.all(following);
  return load;
}

async function callOnce(agent: SoakAgent, drawn: number, key: string, dueMs: number, load: Load): Promise<void> {
  const kind = kindFor(agent, drawn);
  try {
    const { events = [], results = [] } = await kind.run(agent, key);
    for (const id of events) load.events.add(id);
    for (const id of results) load.results.add(id);
    const latencies = load.latencies.get(kind.name) ?? [];
    latencies.push(performance.now() - dueMs);
    load.latencies.set(kind.name, latencies);
  } catch (error) {
    count(load, kind.name, error);
  }
}

async function follow({ calls }: SoakAgent, load: Load, signal: AbortSignal): Promise<void> {
  try {
    for await (const { data } of calls.events.subscribe({ event_type: 'soak_tick', cursor: 'latest' }, { signal })) {
      if (typeof data['sent_ms'] === 'number') load.deliveries.push(Date.now() - data['sent_ms']);
    }
  } catch (error) {
    if (!signal.aborted) count(load, 'subscribe', error);
  }
}

function count(load: Load, kind: string, error: unknown): void {
  const name = `${kind} ${error instanceof SidecarError ? error.code : String(error)}`;
  load.errors.set(name, (load.errors.get(name) ?? 0) + 1);
}
