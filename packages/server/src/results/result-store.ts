import { and, desc, eq, gte, inArray, lt, or, sql } from 'drizzle-orm';
import type { ResultBody, ResultStatus, StoredResult } from '@orchestration-sidecar/shared';
import { isoTime } from '../runtime/clock.ts';
import { withinSize, type BatchBounds } from '../storage/clean-up/index.ts';
import type { Database } from '../storage/database.ts';
import { decodePageCursor, encodePageCursor } from '../storage/page-cursor.ts';
import { pageLength } from '../storage/page-length.ts';
import { results } from '../storage/schema.ts';
import { readStored } from '../storage/stored-json.ts';
import type { Transaction } from '../storage/writer.ts';

/** Which results to list; times in milliseconds, `until` exclusive. */
export interface ResultQuery {
  readonly projectId: string;
  readonly issueId?: string | undefined;
  readonly agentType?: string | undefined;
  readonly agentId?: string | undefined;
  readonly status?: ResultStatus | undefined;
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** Where results of one agent type for one issue belong. */
export interface ResultPlace {
  readonly projectId: string;
  readonly issueId: string;
  readonly agentType: string;
}

/** A result as a clean-up looks at it. */
export interface AgedResult extends ResultPlace {
  readonly resultId: string;
  readonly storedAtMs: number;
  /** Size of what was handed in. */
  readonly bytes: number;
}

/** Results in SQLite. */
export class ResultStore {
  readonly #database: Database;
  readonly #find;

  constructor(database: Database) {
    this.#database = database;
    const where = and(
      eq(results.resultId, sql.placeholder('resultId')),
      eq(results.projectId, sql.placeholder('projectId')),
    );
    this.#find = database.query.select().from(results).where(where).prepare();
  }

  /** One result of a project. */
  find(projectId: string, resultId: string): StoredResult | undefined {
    const row = this.#find.get({ projectId, resultId });
    return row && toResult(row);
  }

  /** A page of results, newest first: as many as are asked for and fit. */
  list(query: ResultQuery): { results: StoredResult[]; next_cursor: string | null } {
    const from = decodePageCursor(query.cursor);
    const where = and(
      eq(results.projectId, query.projectId),
      query.issueId === undefined ? undefined : eq(results.issueId, query.issueId),
      query.agentType === undefined ? undefined : eq(results.agentType, query.agentType),
      query.agentId === undefined ? undefined : eq(results.agentId, query.agentId),
      query.status && eq(results.status, query.status),
      query.sinceMs === undefined ? undefined : gte(results.storedAtMs, query.sinceMs),
      query.untilMs === undefined ? undefined : lt(results.storedAtMs, query.untilMs),
      from &&
        or(lt(results.storedAtMs, from.atMs), and(eq(results.storedAtMs, from.atMs), lt(results.resultId, from.id))),
    );
    const order = [desc(results.storedAtMs), desc(results.resultId)];
    const sizes = this.#database.query
      .select({ bytes: sql<number>`octet_length(${results.body})` })
      .from(results)
      .where(where)
      .orderBy(...order)
      .limit(query.limit + 1)
      .all();
    const length = pageLength(sizes, query.limit);
    const page = this.#database.query
      .select()
      .from(results)
      .where(where)
      .orderBy(...order)
      .limit(length)
      .all();
    const last = sizes.length > length ? page.at(-1) : undefined;
    return {
      results: page.map(toResult),
      next_cursor: last ? encodePageCursor({ atMs: last.storedAtMs, id: last.resultId }) : null,
    };
  }

  /** Issues that have results, in the order of their ids, after one of them. */
  issuesAfter(
    position: Omit<ResultPlace, 'agentType'> | undefined,
    limit: number,
  ): Pick<ResultPlace, 'projectId' | 'issueId'>[] {
    const { projectId = '', issueId = '' } = position ?? {};
    return this.#database.query
      .selectDistinct({ projectId: results.projectId, issueId: results.issueId })
      .from(results)
      .where(sql`(${results.projectId}, ${results.issueId}) > (${projectId}, ${issueId})`)
      .orderBy(results.projectId, results.issueId)
      .limit(limit)
      .all();
  }

  /** Ids of the results of an issue, newest first, each with its agent type. */
  idsOfIssue(issue: Pick<ResultPlace, 'projectId' | 'issueId'>): { resultId: string; agentType: string }[] {
    return this.#database.query
      .select({ resultId: results.resultId, agentType: results.agentType })
      .from(results)
      .where(and(eq(results.projectId, issue.projectId), eq(results.issueId, issue.issueId)))
      .orderBy(desc(results.storedAtMs), desc(results.resultId))
      .all();
  }

  /**
   * Results that were stored before a time, oldest first, after one of them.
   */
  olderThan(
    beforeMs: number,
    after: Pick<AgedResult, 'storedAtMs' | 'resultId'> | undefined,
    bounds: BatchBounds,
  ): AgedResult[] {
    const { storedAtMs, resultId } = after ?? { storedAtMs: -1, resultId: '' };
    const rows = this.#database.query
      .select({
        resultId: results.resultId,
        projectId: results.projectId,
        issueId: results.issueId,
        agentType: results.agentType,
        storedAtMs: results.storedAtMs,
        bytes: sql<number>`octet_length(${results.body})`,
      })
      .from(results)
      .where(
        and(
          lt(results.storedAtMs, beforeMs),
          sql`(${results.storedAtMs}, ${results.resultId}) > (${storedAtMs}, ${resultId})`,
        ),
      )
      .orderBy(results.storedAtMs, results.resultId)
      .limit(bounds.maxRows)
      .all();
    return withinSize(rows, (row) => row.bytes, bounds.maxBytes);
  }

  /** Removes results. */
  remove(transaction: Transaction, resultIds: readonly string[]): void {
    transaction.database.query
      .delete(results)
      .where(inArray(results.resultId, [...resultIds]))
      .run();
  }

  /** Results kept, over all projects. */
  count(): number {
    return (
      this.#database.query
        .select({ count: sql<number>`count(*)` })
        .from(results)
        .get()?.count ?? 0
    );
  }

  /** Adds a result. */
  insert(transaction: Transaction, result: typeof results.$inferInsert): void {
    transaction.database.query.insert(results).values(result).run();
  }
}

function toResult(row: typeof results.$inferSelect): StoredResult {
  return {
    id: row.resultId,
    agent_id: row.agentId,
    agent_type: row.agentType,
    issue_id: row.issueId,
    project_id: row.projectId,
    result: readStored<ResultBody>(row.body),
    timestamp: isoTime(row.timestampMs),
    stored_at: isoTime(row.storedAtMs),
  };
}
