import { and, desc, eq, lt, or } from 'drizzle-orm';
import { IssueProgress, IssueStatus, type Issue } from '@orchestration-sidecar/shared';
import { isoTime } from '../runtime/clock.ts';
import { decodePageCursor, encodePageCursor } from '../storage/page-cursor.ts';
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

/** Issues in SQLite. */
export class IssueStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** One issue of a project. */
  find(projectId: string, issueId: string): Issue | undefined {
    const row = this.#database.query.select().from(issues).where(key(projectId, issueId)).get();
    return row && toIssue(row);
  }

  /** Ids of the projects that have an issue of this id. */
  projectsOf(issueId: string): string[] {
    const rows = this.#database.query.select({ id: issues.projectId }).from(issues).where(eq(issues.issueId, issueId)).all();
    return rows.map((row) => row.id);
  }

  /** A page of a project’s issues, newest first. */
  list(query: IssueQuery): { issues: Issue[]; next_cursor: string | null } {
    const from = decodePageCursor(query.cursor);
    const rows = this.#database.query
      .select()
      .from(issues)
      .where(
        and(
          eq(issues.projectId, query.projectId),
          query.status && eq(issues.status, query.status),
          from &&
            or(
              lt(issues.createdAtMs, from.atMs),
              and(eq(issues.createdAtMs, from.atMs), lt(issues.issueId, from.id)),
            ),
        ),
      )
      .orderBy(desc(issues.createdAtMs), desc(issues.issueId))
      .limit(query.limit + 1)
      .all();
    const page = rows.slice(0, query.limit);
    const last = rows.length > query.limit ? page.at(-1) : undefined;
    return {
      issues: page.map(toIssue),
      next_cursor: last ? encodePageCursor({ atMs: last.createdAtMs, id: last.issueId }) : null,
    };
  }

  /** Adds an issue. */
  insert(transaction: Transaction, issue: typeof issues.$inferInsert): void {
    transaction.database.query.insert(issues).values(issue).run();
  }

  /** Writes where an issue stands. */
  update(
    transaction: Transaction,
    projectId: string,
    issueId: string,
    change: { status: IssueStatus; progress: IssueProgress | null; nowMs: number },
  ): void {
    transaction.database.query
      .update(issues)
      .set({
        status: change.status,
        progress: change.progress && JSON.stringify(change.progress),
        updatedAtMs: change.nowMs,
      })
      .where(key(projectId, issueId))
      .run();
  }
}

function key(projectId: string, issueId: string) {
  return and(eq(issues.projectId, projectId), eq(issues.issueId, issueId));
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
