import type { AgentExit, AgentState, JsonObject, ModelTier, QueuePlace } from '@orchestration-sidecar/shared';
import type { ChildExit, ProcessRecord } from '../process/index.ts';
import type { NewEvent } from '../events/index.ts';
import { isAlive, type AgentRecord } from './agent-record.ts';
import type { AgentEnd } from './agent-watch.ts';
import { FAILURES, type Failure, type ProtocolName } from './launchers/index.ts';
import { addUsage } from './usage.ts';

/** An event of the sidecar’s about an agent. */
export type AgentEvent = Omit<NewEvent, 'publisher' | 'publisherType'>;

/** What becomes of an agent, and the events that tell of it. Pure: who writes and starts is the supervisor. */
export interface Step {
  readonly record: AgentRecord;
  readonly events: readonly AgentEvent[];
}

/** From which states an agent may come into each. Whatever comes too late is not done. */
const FROM: Readonly<Record<AgentState, readonly AgentState[]>> = {
  queued: ['starting', 'running', 'stopping'],
  starting: ['queued'],
  running: ['starting'],
  stopping: ['running'],
  exited: ['running', 'stopping'],
  failed: ['queued', 'starting', 'running', 'stopping'],
  stopped: ['queued', 'starting', 'running', 'stopping', 'external'],
  external: [],
};

/** Whether an agent may go from one state to the other. */
export function mayBecome(from: AgentState, to: AgentState): boolean {
  return FROM[to].includes(from);
}

/** It has to wait for a slot. */
export function queued(record: AgentRecord, place: QueuePlace): AgentEvent {
  return eventOf(record, 'agent_queued', {
    position: place.position,
    queue_length: place.length,
    waits_for: place.waits_for,
  });
}

/** Its turn has come: from now on a process may exist. */
export function starting(record: AgentRecord, at: string): Step {
  const agent = { ...record.agent, state: 'starting' as const, activity: resting('starting', at) };
  return { record: { ...record, agent, retryAt: null }, events: [] };
}

/** Its start was called off before there was a process, and no attempt is spent. */
export function requeued(record: AgentRecord, at: string): Step {
  const agent = { ...record.agent, state: 'queued' as const, activity: resting('waits for a slot', at) };
  return { record: { ...record, agent }, events: [] };
}

/** Its start was cut off by the end of the sidecar: begun again, and no attempt is spent. */
export function undone(record: AgentRecord, at: string): Step {
  const agent = { ...record.agent, process_id: null };
  return requeued({ ...record, agent, process: null, undoneStarts: (record.undoneStarts ?? 0) + 1 }, at);
}

/** Its process is there, and begins when this is on record. */
export function running(record: AgentRecord, process: ProcessRecord, protocol: ProtocolName, at: string): Step {
  const { pid } = process.program;
  const agent = { ...record.agent, state: 'running' as const, process_id: pid, started_at: at, exit: null };
  const { undoneStarts: _, ...kept } = record;
  const next = { ...kept, agent, protocol, process };
  return { record: next, events: [eventOf(next, 'agent_spawned', { process_id: pid })] };
}

/** Someone asked it to stop. */
export function stopping(record: AgentRecord, reason: string): Step {
  return { record: { ...record, stopReason: reason, agent: { ...record.agent, state: 'stopping' } }, events: [] };
}

/** Its process ended and it claims success. What the claim is worth others verify (DECISIONS 24). */
export function completed(record: AgentRecord, end: AgentEnd, at: string): Step {
  const next = ended(record, 'exited', end, at, 'claimed');
  const { exit, usage } = next.agent;
  return { record: next, events: [eventOf(next, 'agent_completed', { outcome: 'claimed', exit, usage })] };
}

/** It was stopped on request. */
export function stopped(record: AgentRecord, reason: string, end: AgentEnd | null, at: string): Step {
  const next = ended(record, 'stopped', end, at, 'unknown');
  return { record: next, events: [eventOf(next, 'agent_stopped', { reason, usage: next.agent.usage })] };
}

/**
 * It failed and is given another attempt at `retryAt`, on a tier of its own where the failure calls for it. The attempt
 * goes on with the session of the one that failed; one that came to no session makes the next begin anew.
 */
export function retrying(
  record: AgentRecord,
  failure: Failure,
  end: AgentEnd | null,
  at: string,
  retry: { readonly at: string; readonly inMs: number; readonly tier: ModelTier },
): Step {
  const { undoneStarts: _, sessionId: before, ...kept } = record;
  const sessionId = end === null ? before : (end.sessionId ?? undefined);
  const failed = withFailure(ended(kept, 'queued', end, at, 'unknown'), failure, at);
  const agent = { ...failed.agent, attempt: record.agent.attempt + 1, ended_at: null, process_id: null };
  const event = eventOf(failed, 'agent_failed', {
    ...errorOf(failure),
    retry_possible: true,
    will_retry: true,
    retry_in_ms: retry.inMs,
    model_tier: retry.tier,
    usage: failed.agent.usage,
  });
  const next = {
    ...failed,
    process: null,
    retryAt: retry.at,
    tier: retry.tier,
    usageBefore: agent.usage,
    agent,
    ...(sessionId === undefined ? {} : { sessionId }),
  };
  return { record: next, events: [event] };
}

/** It failed for good, which is told to whoever orchestrates with the whole history. */
export function failedForGood(record: AgentRecord, failure: Failure, end: AgentEnd | null, at: string): Step {
  const next = withFailure(ended(record, 'failed', end, at, 'failed'), failure, at);
  const failed = eventOf(next, 'agent_failed', {
    ...errorOf(failure),
    retry_possible: FAILURES[failure.reason].retryable,
    will_retry: false,
    usage: next.agent.usage,
  });
  const { failures, agent } = next;
  const escalated = eventOf(next, 'agent_escalated', {
    ...errorOf(failure),
    failures: failures.map((each) => ({ ...each })),
    task: agent.task.slice(0, 2000),
  });
  return { record: next, events: [failed, escalated] };
}

function ended(
  record: AgentRecord,
  state: AgentState,
  end: AgentEnd | null,
  at: string,
  outcome: AgentRecord['agent']['outcome'],
): AgentRecord {
  const usage = end ? addUsage(record.usageBefore, end.usage) : record.agent.usage;
  const exit = end ? exitOf(end.exit) : record.agent.exit;
  const activity = resting(isAlive(state) ? 'waits for its next attempt' : 'ended', at);
  return { ...record, agent: { ...record.agent, state, outcome, usage, exit, activity, ended_at: at } };
}

function resting(cause: string, since: string): AgentRecord['agent']['activity'] {
  return { kind: 'none', cause, since };
}

function withFailure(record: AgentRecord, failure: Failure, at: string): AgentRecord {
  const { reason, detail } = failure;
  return { ...record, failures: [...record.failures, { attempt: record.agent.attempt, reason, detail, at }] };
}

function exitOf(exit: ChildExit): AgentExit {
  return { code: exit.code, signal: exit.signal, reason: exit.cause };
}

function errorOf(failure: Failure) {
  return { error: failure.detail, reason: failure.reason };
}

function eventOf(record: AgentRecord, eventType: string, data: JsonObject): AgentEvent {
  const { agent, correlationId, idempotencyKey } = record;
  return {
    projectId: agent.project_id,
    topic: 'coordination',
    eventType,
    correlationId,
    data: {
      issue_id: agent.issue_id,
      agent_id: agent.agent_id,
      agent_type: agent.agent_type,
      attempt: agent.attempt,
      parent_id: agent.parent_id,
      idempotency_key: idempotencyKey,
      ...data,
    },
  };
}
