import { AsyncLocalStorage } from 'node:async_hooks';
import type { TraceContext } from './trace-context.ts';

/** The call that the current work belongs to. */
export interface CallContext {
  /** Absent: the sidecar does it of itself. */
  readonly correlationId?: string | undefined;
  /** Place in the trace that the work is counted to. */
  readonly trace?: TraceContext | undefined;
}

const current = new AsyncLocalStorage<CallContext | undefined>();

/**
 * Does work in the name of a call: what it logs, stores and starts carries the ids of the call, however deep.
 * @param context undefined: in nobody’s name.
 */
export function inCall<T>(context: CallContext | undefined, work: () => T): T {
  return current.run(context, work);
}

/** The call that is worked on; undefined for what the sidecar does of itself. */
export function currentCall(): CallContext | undefined {
  return current.getStore();
}
