import { z } from 'zod';
import { Agent, ContextRequirement, Launcher, ModelTier, type AgentState } from '@orchestration-sidecar/shared';
import type { ProcessRecord } from '../process/index.ts';

/** One failed attempt, kept for the next one’s context and for whoever the agent is escalated to. */
export const AttemptFailure = z.object({
  attempt: z.int(),
  reason: z.string(),
  detail: z.string(),
  at: z.string(),
});
export type AttemptFailure = z.infer<typeof AttemptFailure>;

/** An agent as the store keeps it: what callers see, and what only the supervisor needs. */
export const AgentRecord = z.object({
  agent: Agent,
  /** What its context holds. */
  requirements: z.array(ContextRequirement),
  /** Environment that its spawn asked for, for further attempts. */
  environment: z.record(z.string(), z.string()),
  launcher: Launcher.nullable(),
  tier: ModelTier,
  /** Working directory of the agent’s process: the project’s root. */
  projectDir: z.string(),
  correlationId: z.string(),
  idempotencyKey: z.string().nullable(),
  /** How its process is recognised after a restart; null while there is none. */
  process: z.custom<ProcessRecord>().nullable(),
  /** How its output is read. */
  protocol: z.enum(['claude', 'lines']),
  failures: z.array(AttemptFailure),
});
export type AgentRecord = z.infer<typeof AgentRecord>;

/** Whether the agent may still act: its process lives or is to come, or it has none of ours. */
export function isAlive(state: AgentState): boolean {
  return state !== 'exited' && state !== 'failed' && state !== 'stopped';
}
