import type { AgentExit, AgentState, JsonObject } from '@orchestration-sidecar/shared';
import type { ChildExit, ChildHandle } from '../process/index.ts';
import type { NewEvent } from '../events/index.ts';
import type { AgentRecord } from './agent-record.ts';
import type { AgentEnd } from './agent-watch.ts';
import type { Failure, ProtocolName, Verdict } from './launchers/index.ts';

/** An event of the sidecar’s about an agent. */
export type AgentEvent = Omit<NewEvent, 'publisher' | 'publisherType'>;

/** What becomes of an agent, and the event that tells of it. Pure: who writes and starts is the supervisor. */
export interface Step {
  readonly record: AgentRecord;
  readonly event: AgentEvent;
}

/** Its process runs. */
export function running(record: AgentRecord, handle: ChildHandle, protocol: ProtocolName, at: string): Step {
  const agent = { ...record.agent, state: 'running' as const, process_id: handle.pid, started_at: at, exit: null };
  const next = { ...record, agent, protocol, process: handle.record };
  return { record: next, event: eventOf(next, 'agent_spawned', { process_id: handle.pid }) };
}

/** Someone asked it to stop. */
export function stopping(record: AgentRecord): AgentRecord {
  return { ...record, agent: { ...record.agent, state: 'stopping' } };
}

/** Its process ended and it claims success. What the claim is worth others verify (DECISIONS 24). */
export function completed(record: AgentRecord, end: AgentEnd, at: string): Step {
  const next = ended(record, 'exited', end, at, 'claimed');
  return { record: next, event: eventOf(next, 'agent_completed', { outcome: 'claimed', exit: next.agent.exit }) };
}

/** It was stopped on request. */
export function stopped(record: AgentRecord, reason: string, end: AgentEnd | null, at: string): Step {
  const next = ended(record, 'stopped', end, at, 'unknown');
  return { record: next, event: eventOf(next, 'agent_stopped', { reason }) };
}

/** It failed and is given another attempt after `delayMs`. */
export function retrying(
  record: AgentRecord,
  failure: Failure,
  end: AgentEnd | null,
  at: string,
  delayMs: number,
): Step {
  const { attempt } = record.agent;
  const next = withFailure(ended(record, 'queued', end, at, 'unknown'), failure, at);
  return {
    record: {
      ...next,
      process: null,
      agent: { ...next.agent, attempt: attempt + 1, ended_at: null, process_id: null },
    },
    event: eventOf(next, 'agent_failed', {
      ...errorOf(failure),
      retry_possible: true,
      will_retry: true,
      retry_in_ms: delayMs,
    }),
  };
}

/** It failed for good. */
export function failedForGood(
  record: AgentRecord,
  failure: Failure & { retryable: boolean },
  end: AgentEnd | null,
  at: string,
): Step {
  const next = withFailure(ended(record, 'failed', end, at, 'failed'), failure, at);
  return {
    record: next,
    event: eventOf(next, 'agent_failed', { ...errorOf(failure), retry_possible: failure.retryable, will_retry: false }),
  };
}

/** Nothing more can be tried here: told to whoever orchestrates, with the whole history. */
export function escalated(record: AgentRecord): AgentEvent {
  return eventOf(record, 'agent_escalated', { failures: record.failures, task: record.agent.task.slice(0, 2000) });
}

/** The failure that a verdict or a lost process amounts to. */
export function failureOf(verdict: Verdict): (Failure & { retryable: boolean }) | undefined {
  return verdict.status === 'failed' ? verdict : undefined;
}

function ended(
  record: AgentRecord,
  state: AgentState,
  end: AgentEnd | null,
  at: string,
  outcome: AgentRecord['agent']['outcome'],
): AgentRecord {
  const usage = end?.usage ?? record.agent.usage;
  const exit = end ? exitOf(end.exit) : record.agent.exit;
  const activity = {
    kind: 'none' as const,
    cause: state === 'queued' ? 'waits for its next attempt' : 'ended',
    since: at,
  };
  return { ...record, agent: { ...record.agent, state, outcome, usage, exit, activity, ended_at: at } };
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
