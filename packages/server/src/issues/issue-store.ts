import { and, desc, eq, inArray, lt, or, sql } from 'drizzle-orm';
import { IssueProgress, IssueStatus, type Issue } from '@orchestration-sidecar/shared';
import { isoTime } from '../runtime/clock.ts';
import { decodePageCursor, encodePageCursor } from '../storage/page-cursor.ts';
import { pageLength } from '../storage/page-length.ts';
import { withinSize, type BatchBounds } from '../storage/clean-up/index.ts';
import type { Database } from '../storage/database.ts';
import { issues } from '../storage/schema.ts';
import type { Transaction } from '../storage/writer.ts';

/** Which issues to list. */
export interface IssueQuery {
  readonly projectId: string;
  readonly status?: IssueStatus | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** Which issue, and when it last changed. */
export interface AgedIssue {
  readonly projectId: string;
  readonly issueId: string;
  readonly updatedAtMs: number;
  readonly bytes: number;
}

/** States that an issue does not leave. */
const ENDED = ['resolved', 'failed', 'cancelled'] as const satisfies readonly IssueStatus[];

/** Issues in SQLite. */
export class IssueStore {
  readonly #database: Database;
  readonly #find;
  readonly #update;
  readonly #remove;

  constructor(database: Database) {
    this.#database = database;
    const where = and(
      eq(issues.projectId, sql.placeholder('projectId')),
      eq(issues.issueId, sql.placeholder('issueId')),
    );
    this.#find = database.query.select().from(issues).where(where).prepare();
    this.#update = database.query
      .update(issues)
      .set({
        status: sql`${sql.placeholder('status')}`,
        progress: sql`${sql.placeholder('progress')}`,
        updatedAtMs: sql`${sql.placeholder('nowMs')}`,
      })
      .where(where)
      .prepare();
    this.#remove = database.query.delete(issues).where(where).prepare();
  }

  /** One issue of a project. */
  find(projectId: string, issueId: string): Issue | undefined {
    const row = this.#find.get({ projectId, issueId });
    return row && toIssue(row);
  }

  /** Ids of the projects that have an issue of this id. */
  projectsOf(issueId: string): string[] {
    const rows = this.#database.query
      .select({ id: issues.projectId })
      .from(issues)
      .where(eq(issues.issueId, issueId))
      .all();
    return rows.map((row) => row.id);
  }

  /** A page of a project’s issues, newest first. */
  list(query: IssueQuery): { issues: Issue[]; next_cursor: string | null } {
    const from = decodePageCursor(query.cursor);
    const where = and(
      eq(issues.projectId, query.projectId),
      query.status && eq(issues.status, query.status),
      from &&
        or(lt(issues.createdAtMs, from.atMs), and(eq(issues.createdAtMs, from.atMs), lt(issues.issueId, from.id))),
    );
    const order = [desc(issues.createdAtMs), desc(issues.issueId)];
    const sizes = this.#database.query
      .select({ bytes: sql<number>`octet_length(${issues.body})` })
      .from(issues)
      .where(where)
      .orderBy(...order)
      .limit(query.limit + 1)
      .all();
    const length = pageLength(sizes, query.limit);
    const page = this.#database.query
      .select()
      .from(issues)
      .where(where)
      .orderBy(...order)
      .limit(length)
      .all();
    const last = sizes.length > length ? page.at(-1) : undefined;
    return {
      issues: page.map(toIssue),
      next_cursor: last ? encodePageCursor({ atMs: last.createdAtMs, id: last.issueId }) : null,
    };
  }

  /**
   * Issues that ended before a time, oldest first, after one of them.
   */
  endedBefore(beforeMs: number, after: AgedIssue | undefined, bounds: BatchBounds): AgedIssue[] {
    const { updatedAtMs, projectId, issueId } = after ?? { updatedAtMs: -1, projectId: '', issueId: '' };
    const rows = this.#database.query
      .select({
        projectId: issues.projectId,
        issueId: issues.issueId,
        updatedAtMs: issues.updatedAtMs,
        bytes: sql<number>`octet_length(${issues.body})`,
      })
      .from(issues)
      .where(
        and(
          lt(issues.updatedAtMs, beforeMs),
          inArray(issues.status, [...ENDED]),
          sql`(${issues.updatedAtMs}, ${issues.projectId}, ${issues.issueId}) > (${updatedAtMs}, ${projectId}, ${issueId})`,
        ),
      )
      .orderBy(issues.updatedAtMs, issues.projectId, issues.issueId)
      .limit(bounds.maxRows)
      .all();
    return withinSize(rows, (row) => row.bytes, bounds.maxBytes);
  }

  /** Removes an issue. Takes the transaction to show that it must run inside one. */
  remove(_transaction: Transaction, projectId: string, issueId: string): void {
    this.#remove.run({ projectId, issueId });
  }

  /** Adds an issue. */
  insert(transaction: Transaction, issue: typeof issues.$inferInsert): void {
    transaction.database.query.insert(issues).values(issue).run();
  }

  /** Writes where an issue stands. Takes the transaction to show that it must run inside one. */
  update(
    _transaction: Transaction,
    projectId: string,
    issueId: string,
    change: { status: IssueStatus; progress: IssueProgress | null; nowMs: number },
  ): void {
    const progress = change.progress && JSON.stringify(change.progress);
    this.#update.run({ projectId, issueId, status: change.status, progress, nowMs: change.nowMs });
  }
}

function toIssue(row: typeof issues.$inferSelect): Issue {
  return {
    issue_id: row.issueId,
    project_id: row.projectId,
    title: row.title,
    body: row.body,
    status: IssueStatus.parse(row.status),
    workflow: row.workflow,
    progress: row.progress === null ? null : IssueProgress.parse(JSON.parse(row.progress)),
    created_at: isoTime(row.createdAtMs),
    updated_at: isoTime(row.updatedAtMs),
  };
}
