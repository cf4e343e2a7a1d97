import type { ContextRequirement, Issue, Launcher, Permission, Profile, Project } from '@orchestration-sidecar/shared';

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
  /** The same key in the same project starts one agent, however often it is asked for. */
  readonly idempotencyKey?: string | undefined;
  readonly correlationId: string;
}
