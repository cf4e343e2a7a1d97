import { AsyncLocalStorage } from 'node:async_hooks';

/** The call that the current work belongs to. */
export interface CallContext {
  readonly correlationId: string;
  /** Trace that the caller counts the call to: 32 hex digits. */
  readonly traceId?: string | undefined;
}

const current = new AsyncLocalStorage<CallContext>();

/** Does work in the name of a call: what it logs carries the ids of the call, however deep. */
export function inCall<T>(context: CallContext, work: () => T): T {
  return current.run(context, work);
}

/** The call that is worked on; undefined for what the sidecar does of itself. */
export function currentCall(): CallContext | undefined {
  return current.getStore();
}
