import { SidecarError, type Issue, type IssueProgress, type IssueStatus } from '@orchestration-sidecar/shared';
import type { EventBus } from '../events/index.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Ids } from '../runtime/ids.ts';
import type { Transaction, Writer } from '../storage/writer.ts';
import type { IssueQuery, IssueStore } from './issue-store.ts';

/** What the issues need. */
export interface IssuesNeeds {
  readonly store: IssueStore;
  readonly events: EventBus;
  readonly writer: Writer;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** A new issue. */
export interface IssueDraft {
  readonly projectId: string;
  readonly issueId?: string | undefined;
  readonly title: string;
  readonly body: string;
  readonly workflow: string | null;
  readonly correlationId: string;
}

/** What a person may do to an issue on its way. */
export type IssueTurn = 'cancel' | 'pause' | 'resume';

const TURNS = {
  cancel: { from: ['open', 'running', 'paused'], status: 'cancelled', eventType: 'issue_cancelled' },
  pause: { from: ['running'], status: 'paused', eventType: 'issue_paused' },
  resume: { from: ['paused'], status: 'running', eventType: 'issue_resumed' },
} as const satisfies Record<IssueTurn, { from: readonly IssueStatus[]; status: IssueStatus; eventType: string }>;

/** The units of work. */
export class Issues {
  readonly #needs: IssuesNeeds;

  constructor(needs: IssuesNeeds) {
    this.#needs = needs;
  }

  /**
   * Creates an issue and announces it as `issue_created`.
   * @throws {SidecarError} `ISSUE_EXISTS`.
   */
  create(draft: IssueDraft): Promise<Issue> {
    const { store, events, writer, clock, ids } = this.#needs;
    const { projectId, title, body, workflow } = draft;
    const issueId = draft.issueId ?? `issue-${ids.uuid().slice(0, 8)}`;
    return writer.write((transaction) => {
      if (store.find(projectId, issueId)) throw new SidecarError('ISSUE_EXISTS', `${issueId} exists already.`);
      const nowMs = clock.nowMs();
      const status: IssueStatus = workflow === null ? 'open' : 'running';
      const times = { createdAtMs: nowMs, updatedAtMs: nowMs };
      store.insert(transaction, { projectId, issueId, title, body, status, workflow, progress: null, ...times });
      events.announce(transaction, {
        projectId,
        topic: 'coordination',
        eventType: 'issue_created',
        correlationId: draft.correlationId,
        data: { issue_id: issueId, title, workflow },
      });
      return this.require(projectId, issueId);
    });
  }

  /**
   * The issue of an id.
   * @throws {SidecarError} `ISSUE_NOT_FOUND`.
   */
  require(projectId: string, issueId: string): Issue {
    const issue = this.#needs.store.find(projectId, issueId);
    if (!issue) throw new SidecarError('ISSUE_NOT_FOUND', `There is no issue ${issueId} in this project.`);
    return issue;
  }

  /** Ids of the projects that have an issue of this id. */
  projectsOf(issueId: string): string[] {
    return this.#needs.store.projectsOf(issueId);
  }

  /** A page of a project’s issues, newest first. */
  list(query: IssueQuery): { issues: Issue[]; next_cursor: string | null } {
    return this.#needs.store.list(query);
  }

  /**
   * Cancels, pauses or resumes an issue and tells the log; doing it twice changes nothing. Its agents are stopped, and
   * its workflow halted, by the workflow engine that reads the log.
   * @throws {SidecarError} `ISSUE_NOT_FOUND`, `ISSUE_ENDED`.
   */
  turn(projectId: string, issueId: string, to: IssueTurn, reason: string, correlationId: string): Promise<Issue> {
    const { store, events, writer, clock } = this.#needs;
    const { from, status, eventType } = TURNS[to];
    return writer.write((transaction) => {
      const issue = this.require(projectId, issueId);
      if (issue.status === status) return issue;
      const allowed: readonly IssueStatus[] = from;
      if (!allowed.includes(issue.status)) {
        throw new SidecarError('ISSUE_ENDED', `${issueId} is ${issue.status}: there is nothing to ${to}.`);
      }
      const progress = issue.progress && { ...issue.progress, reason };
      store.update(transaction, projectId, issueId, { status, progress, nowMs: clock.nowMs() });
      const data = { issue_id: issueId, reason };
      events.announce(transaction, { projectId, topic: 'coordination', eventType, correlationId, data });
      return this.require(projectId, issueId);
    });
  }

  /** Writes where an issue stands, within the transaction that moved it. */
  move(
    transaction: Transaction,
    issue: { readonly projectId: string; readonly issueId: string },
    to: { readonly status: IssueStatus; readonly progress: IssueProgress | null },
  ): void {
    const nowMs = this.#needs.clock.nowMs();
    this.#needs.store.update(transaction, issue.projectId, issue.issueId, { ...to, nowMs });
  }
}
