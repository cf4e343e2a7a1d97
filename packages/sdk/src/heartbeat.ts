import { SidecarError } from '@orchestration-sidecar/shared';
import { sleep, type Clock } from './clock.ts';

/** Options of {@link Agent.work}. */
export interface WorkOptions {
  /** Time between two heartbeats, in milliseconds. Default 30 000. */
  readonly everyMs?: number | undefined;
  /** Ends the work; its signal then aborts with the same reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What keeping a heart beating takes. */
export interface HeartbeatNeeds {
  readonly clock: Clock;
  /** Tells the sidecar once. */
  readonly beat: (signal: AbortSignal) => Promise<unknown>;
}

/** Default of `everyMs`. */
const EVERY_MS = 30_000;
/** What a beat is refused with when the sidecar does not count on the agent any more. */
const OVER: ReadonlySet<string> = new Set(['AGENT_ENDED', 'TOKEN_REVOKED', 'AGENT_NOT_FOUND']);

/**
 * Does some work with a heartbeat beside it. The work’s signal aborts when the caller’s does, and when the sidecar says
 * that the agent is over: what it would do then, nobody waits for. A beat that fails otherwise is left to the next.
 */
export async function workWithHeartbeat<Result>(
  { clock, beat }: HeartbeatNeeds,
  work: (signal: AbortSignal) => Promise<Result>,
  { everyMs = EVERY_MS, signal }: WorkOptions,
): Promise<Result> {
  const done = new AbortController();
  const over = new AbortController();
  const until = AbortSignal.any([over.signal, ...(signal ? [signal] : [])]);
  const beating = AbortSignal.any([done.signal, until]);
  const keepBeating = async (): Promise<void> => {
    while (!beating.aborted) {
      await beat(beating).catch((error: unknown) => {
        if (error instanceof SidecarError && OVER.has(error.code)) over.abort(error);
      });
      await sleep(clock, everyMs, beating, true).catch(() => undefined);
    }
  };
  until.throwIfAborted();
  void keepBeating();
  try {
    return await work(until);
  } finally {
    done.abort();
  }
}
