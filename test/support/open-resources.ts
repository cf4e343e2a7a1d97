import { createHook } from 'node:async_hooks';
import { getActiveResourcesInfo } from 'node:process';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

/** What a process holds, by kind. */
export type OpenResources = ReadonlyMap<string, number>;

/** As Node names them: servers, connections, pipes to children, threads. */
const HANDLES = /^(TCPSocketWrap|TCPServerWrap|TCPConnectWrap|PipeWrap|TLSWrap|MessagePort|Worker)$/;

/** Timers that are set, those included that do not keep the process alive: all of ours are such. */
const timers = new Set<number>();
createHook({
  init: (id, type) => void (type === 'Timeout' && timers.add(id)),
  destroy: (id) => void timers.delete(id),
}).enable();

/** Counts the sockets, servers and threads, timers and listeners for the process’s own events that are there now. */
export function openResources(): OpenResources {
  const counts = new Map([['timers', timers.size]]);
  for (const kind of getActiveResourcesInfo()) if (HANDLES.test(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  for (const name of process.eventNames()) counts.set(`on ${String(name)}`, process.listenerCount(name));
  return counts;
}

/**
 * Waits until there is no more than there was before.
 * @returns what was left when the time was over; empty when all had been given back.
 */
export async function leftOpen(before: OpenResources, timeoutMs = 20_000): Promise<Readonly<Record<string, number>>> {
  for (const deadlineMs = performance.now() + timeoutMs; ; await sleep(50)) {
    // A timer is told to be gone some turns after its call; the one waited with must not count.
    for (let turns = 0; turns < 3; turns += 1) await nextTurn();
    const grown = [...openResources()].map(([kind, count]) => [kind, count - (before.get(kind) ?? 0)] as const);
    const left = grown.filter(([, count]) => count > 0);
    if (left.length === 0 || performance.now() > deadlineMs) return Object.fromEntries(left);
  }
}
