import { SidecarError, type Procedure } from '@orchestration-sidecar/shared';
import type { Clock } from '../runtime/clock.ts';

/** Longest time to answer in, by kind; an entry may name its own. Whatever is meant to wait has none. */
const DEADLINE_MS = { query: 30_000, mutation: 60_000 } as const;

/**
 * Does work within the time its procedure has. The work’s signal aborts at the deadline as it does when the caller
 * leaves; whoever does not look at the signal finishes unheard.
 * @throws {SidecarError} `TIMEOUT`.
 */
export function withinDeadline<T>(
  entry: Pick<Procedure, 'kind' | 'load' | 'deadlineMs' | 'name'>,
  call: { readonly signal: AbortSignal },
  clock: Clock,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (entry.load === 'waits' || entry.kind === 'subscription') return work(call.signal);
  const deadlineMs = entry.deadlineMs ?? DEADLINE_MS[entry.kind];
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const ended = new AbortController();
  const leave = (): void => ended.abort(call.signal.reason);
  if (call.signal.aborted) leave();
  else call.signal.addEventListener('abort', leave, { once: true });
  const timer = clock.after(deadlineMs, () => {
    const late = new SidecarError('TIMEOUT', `${entry.name} was not done within ${deadlineMs} ms.`);
    ended.abort(late);
    reject(late);
  });
  work(ended.signal)
    .then(resolve, reject)
    .finally(() => {
      timer.cancel();
      call.signal.removeEventListener('abort', leave);
    });
  return promise;
}
