import type { ContextRequirement, Issue, Launcher, Permission, Profile, Project } from '@orchestration-sidecar/shared';
import type { KeyedRequest } from '../storage/idempotency.ts';
import type { TraceContext } from '../telemetry/trace-context.ts';

/** What it takes to start an agent; every name in it is resolved. */
export interface SpawnRequest {
  readonly profile: Profile;
  readonly project: Pick<Project, 'project_id' | 'root'>;
  readonly issue: Pick<Issue, 'issue_id' | 'title' | 'body'>;
  readonly task: string;
  /** What its context holds. */
  readonly requirements: readonly ContextRequirement[];
  /** Environment that the caller asks for; checked against the allow-list (DECISIONS 22). */
  readonly environment: Readonly<Record<string, string>>;
  readonly launcher: Launcher;
  /** Agent that asks; null for the operator and the workflow engine. */
  readonly parentId: string | null;
  /** What its token may do: never more than whoever asks (DECISIONS 20). */
  readonly permissions: readonly Permission[];
  /** The same key from the same caller in the same project starts one agent, however often it is asked for. */
  readonly idempotencyKey?: string | undefined;
  /** Whether little is left of the issue’s budget; the profile’s model routing may want a smaller model then. */
  readonly isBudgetLow?: boolean | undefined;
  readonly correlationId: string;
  /** Place in the trace of who asks, for the agent to go on with. */
  readonly trace?: TraceContext | undefined;
}

/** How a spawn is recognised when it is sent again; undefined: it carries no key. */
export function keyOf(request: SpawnRequest, nowMs: number): KeyedRequest | undefined {
  if (request.idempotencyKey === undefined) return undefined;
  const { profile, project, issue, task, requirements, environment, launcher, parentId } = request;
  return {
    caller: `${project.project_id}/${parentId ?? 'operator'}`,
    procedure: 'agents.spawn',
    key: request.idempotencyKey,
    request: { agentType: profile.agent_type, issueId: issue.issue_id, task, requirements, environment, launcher },
    nowMs,
  };
}
