import { AsyncLocalStorage } from 'node:async_hooks';
import type { TraceContext } from './trace-context.ts';

/** The call that the current work belongs to. */
export interface CallContext {
  /** Absent: the sidecar does it of itself. */
  readonly correlationId?: string | undefined;
  /** Place in the trace that the work is counted to. */
  readonly trace?: TraceContext | undefined;
  /** Project that the work is for; absent until that is known, and for what is for none. */
  projectId?: string | undefined;
}

const current = new AsyncLocalStorage<CallContext | undefined>();

/**
 * Does work in the name of a call: what it logs, stores and starts carries the ids of the call, however deep.
 * @param context undefined: in nobody’s name.
 */
export function inCall<T>(context: CallContext | undefined, work: () => T): T {
  return current.run(context, work);
}

/** Says which project the current work is for, once that is known. */
export function workFor(projectId: string | null): void {
  const call = current.getStore();
  if (call && projectId !== null) call.projectId = projectId;
}

/** The call that is worked on; undefined for what the sidecar does of itself. */
export function currentCall(): CallContext | undefined {
  return current.getStore();
}
