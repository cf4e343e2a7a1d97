import type { Agent, Check, Issue, Project, StoredResult, Workflow } from '@orchestration-sidecar/shared';
import type { SpawnRequest } from '../agents/index.ts';
import type { EventBus, EventLog } from '../events/index.ts';
import type { Issues } from '../issues/index.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Database } from '../storage/database.ts';
import type { Transaction, Writer } from '../storage/writer.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Tracer } from '../telemetry/tracer.ts';
import type { Catalogue } from './choose.ts';

/** Agents as the engine starts and stops them. */
export interface AgentStarter {
  /**
   * Starts an agent, once per `idempotencyKey`. An error that is not retryable means that it will not start;
   * `IDEMPOTENCY_CONFLICT` that it has started already.
   */
  spawn(request: SpawnRequest): Promise<Agent>;
  /** Stops an agent; resolves when it has ended. */
  stop(agentId: string, reason: string): Promise<unknown>;
  find(agentId: string): Agent | undefined;
  /** Notes within the transaction that the workflow’s checks confirmed or refuted what an agent claims. */
  confirm?(transaction: Transaction, agentId: string, outcome: 'verified' | 'failed'): void;
}

/** Results as the engine reads them. */
export interface ResultReader {
  /** @throws {SidecarError} `RESULT_NOT_FOUND`. */
  require(projectId: string, resultId: string): StoredResult;
  /** A page of results, newest first. */
  list(query: {
    readonly projectId: string;
    readonly issueId: string;
    readonly limit: number;
    readonly cursor?: string | undefined;
  }): { results: StoredResult[]; next_cursor: string | null };
}

/** A command to run in a project. */
export interface CheckRequest {
  readonly project: Pick<Project, 'project_id' | 'root'>;
  /** Issue whose work is checked; no two checks of one issue run at a time. */
  readonly issueId: string;
  readonly command: readonly string[];
  /** Longest run, in milliseconds. */
  readonly timeoutMs: number;
}

/** How a command went. */
export interface CheckReport {
  /** Null: it did not exit by itself, or could not be started. */
  readonly exitCode: number | null;
  readonly durationMs: number;
  /** SHA-256 of everything it printed, hexadecimal. */
  readonly outputSha256: string;
  /** End of what it printed, secrets removed. */
  readonly outputTail: string;
  /** Identity of the working tree that was checked; null where it is not known. */
  readonly treeHash: string | null;
}

/** What the engine needs. */
export interface EngineNeeds {
  readonly database: Database;
  readonly writer: Pick<Writer, 'write'>;
  readonly events: Pick<EventBus, 'announce' | 'follow'>;
  readonly log: Pick<EventLog, 'cursor' | 'onCommit' | 'tail'>;
  readonly issues: Pick<Issues, 'require' | 'move'>;
  readonly results: ResultReader;
  readonly profiles: Catalogue & { workflow(name: string): Workflow | undefined };
  readonly projects: { list(): readonly Project[] };
  readonly agents: AgentStarter;
  /** Programming languages of a project, lower-case, most used first. */
  languages(projectId: string): Promise<readonly string[]> | readonly string[];
  /** What shows that a project works, for phases that leave it to the project. */
  projectChecks(
    project: Pick<Project, 'project_id' | 'root'>,
  ): Promise<{ readonly checks: readonly Check[]; readonly reason: string }>;
  /**
   * Runs a check in the project’s directory; the signal ends it. Must not throw for a command that fails or cannot be
   * started.
   */
  runCheck(request: CheckRequest, signal: AbortSignal): Promise<CheckReport>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tracer: Tracer;
}

/** The issue a spawn is for. */
export type IssueOfSpawn = Pick<Issue, 'issue_id' | 'title' | 'body'>;
