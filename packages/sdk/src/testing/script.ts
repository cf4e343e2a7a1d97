import { SidecarError, type JsonObject } from '@orchestration-sidecar/shared';
import type { Agent, ResultInput } from '../agent.ts';

/** One thing that a scripted agent does. */
export type ScriptStep =
  /** Publishes an event. */
  | { readonly publish: string; readonly data?: JsonObject; readonly topic?: string }
  /** Waits for an event of its issue; fails after `timeoutMs` (default 30 000). */
  | { readonly waitFor: string; readonly filter?: string; readonly timeoutMs?: number }
  /** Hands in the result. */
  | { readonly result: Partial<ResultInput> }
  /** Hands in that it failed, and why. */
  | { readonly fail: string };

/** What a scripted agent does, in order. Plain JSON, so that it can be handed to a process. */
export type Script = readonly ScriptStep[];

/** Default of `timeoutMs` of a wait. */
const WAIT_TIMEOUT_MS = 30_000;

/**
 * Lets an agent do what a script says: an agent whose behaviour a test knows.
 * @throws {SidecarError} `TIMEOUT` when an event did not come; what the sidecar refused; the signal’s reason.
 */
export async function runScript(agent: Agent, script: Script, options: { signal?: AbortSignal } = {}): Promise<void> {
  for (const step of script) {
    options.signal?.throwIfAborted();
    if ('publish' in step) {
      await agent.publish(step.publish, step.data, { topic: step.topic, ...options });
    } else if ('waitFor' in step) {
      const { filter, timeoutMs = WAIT_TIMEOUT_MS } = step;
      await agent.waitFor(step.waitFor, { filter, timeoutMs, ...options });
    } else if ('result' in step) {
      await agent.result(step.result, options);
    } else if ('fail' in step) {
      await agent.fail(step.fail, {}, options);
    } else {
      throw new SidecarError('INPUT_INVALID', `script: no step reads ${JSON.stringify(step)}`);
    }
  }
}
