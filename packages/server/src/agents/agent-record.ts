import type {
  Agent,
  AgentState,
  AgentUsage,
  AttemptFailure,
  ContextRequirement,
  Launcher,
  ModelTier,
  Profile,
} from '@orchestration-sidecar/shared';
import type { ProcessRecord } from '../process/index.ts';
import type { CallContext } from '../telemetry/call-context.ts';
import { readTraceContext } from '../telemetry/trace-context.ts';
import { UNKNOWN_USAGE, type ProtocolName } from './launchers/index.ts';
import type { Ticket } from './queue-order.ts';
import type { SpawnRequest } from './spawn-request.ts';

/** An agent as the store keeps it: what callers see, and what only the supervisor needs. Plain JSON. */
export interface AgentRecord {
  readonly agent: Agent;
  /** What its context holds. */
  readonly requirements: readonly ContextRequirement[];
  /** Environment that its spawn asked for, for further attempts. */
  readonly environment: Readonly<Record<string, string>>;
  readonly launcher: Launcher | null;
  /** Model tier of the next attempt. */
  readonly tier: ModelTier;
  /** Working directory of the agent’s process: the project’s root. */
  readonly projectDir: string;
  readonly correlationId: string;
  /** W3C trace context that it goes on with. */
  readonly traceparent: string | null;
  readonly tracestate?: string | undefined;
  /** What the span of its interaction is below, whose id is in `traceparent`; absent: there is no such span. */
  readonly span?: { readonly parentId: string | null };
  readonly idempotencyKey: string | null;
  /** How its process is recognised after a restart; null while there is none. */
  readonly process: ProcessRecord | null;
  /** How its output is read. */
  readonly protocol: ProtocolName;
  /** When its next attempt is due; null: now. */
  readonly retryAt: string | null;
  /** Why it was asked to stop; null: it was not. */
  readonly stopReason: string | null;
  readonly failures: readonly AttemptFailure[];
  /** Session of its program that the next attempt goes on with; absent: it begins a new one. */
  readonly sessionId?: string;
  /** What its earlier attempts used; absent: this is the first. */
  readonly usageBefore?: AgentUsage;
  /** How often in a row its start was cut off by the end of the sidecar; absent: never. */
  readonly undoneStarts?: number;
}

/** Whether the agent may still act: its process lives or is to come, or it has none of ours. */
export function isAlive(state: AgentState): boolean {
  return state !== 'exited' && state !== 'failed' && state !== 'stopped';
}

/** In whose name things are done for an agent: that of its spawn. */
export function callOf({ agent, correlationId, traceparent, tracestate }: AgentRecord): CallContext {
  return { correlationId, trace: readTraceContext(traceparent, tracestate), projectId: agent.project_id };
}

/** What admission needs to know of an agent. */
export function ticketOf({ agent }: AgentRecord): Omit<Ticket, 'arrival'> {
  return {
    agentId: agent.agent_id,
    projectId: agent.project_id,
    issueId: agent.issue_id,
    agentType: agent.agent_type,
    parentId: agent.parent_id,
  };
}

/**
 * The record of an agent that is to be started.
 * @param interaction its place in the trace.
 */
export function newRecord(
  request: SpawnRequest,
  agentId: string,
  state: AgentState,
  createdAt: string,
  interaction: Pick<AgentRecord, 'traceparent' | 'tracestate' | 'span'>,
): AgentRecord {
  return {
    agent: {
      agent_id: agentId,
      agent_type: request.profile.agent_type,
      issue_id: request.issue.issue_id,
      project_id: request.project.project_id,
      parent_id: request.parentId,
      task: request.task,
      launcher: request.launcher.kind,
      state,
      activity: { kind: 'none', cause: state, since: createdAt },
      outcome: 'unknown',
      process_id: null,
      attempt: 1,
      usage: UNKNOWN_USAGE,
      exit: null,
      permissions: [...request.permissions],
      created_at: createdAt,
      started_at: null,
      ended_at: null,
    },
    requirements: [...request.requirements],
    environment: { ...request.environment },
    launcher: request.launcher,
    tier: request.profile.model.tier,
    projectDir: request.project.root,
    correlationId: request.correlationId,
    ...interaction,
    idempotencyKey: request.idempotencyKey ?? null,
    process: null,
    protocol: 'lines',
    retryAt: null,
    stopReason: null,
    failures: [],
  };
}

/** The record of an agent that has a token but no process of ours. */
export function externalRecord(projectId: string, profile: Profile, agentId: string, createdAt: string): AgentRecord {
  return {
    agent: {
      agent_id: agentId,
      agent_type: profile.agent_type,
      issue_id: null,
      project_id: projectId,
      parent_id: null,
      task: '',
      launcher: null,
      state: 'external',
      activity: { kind: 'none', cause: 'not started by the sidecar', since: null },
      outcome: 'unknown',
      process_id: null,
      attempt: 1,
      usage: UNKNOWN_USAGE,
      exit: null,
      permissions: profile.permissions,
      created_at: createdAt,
      started_at: null,
      ended_at: null,
    },
    requirements: profile.context_requirements,
    environment: {},
    launcher: null,
    tier: profile.model.tier,
    projectDir: '',
    correlationId: agentId,
    traceparent: null,
    idempotencyKey: null,
    process: null,
    protocol: 'lines',
    retryAt: null,
    stopReason: null,
    failures: [],
  };
}
