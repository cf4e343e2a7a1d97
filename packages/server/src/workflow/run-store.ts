import { and, eq } from 'drizzle-orm';
import type { Database } from '../storage/database.ts';
import { workflowCursors, workflowRuns } from '../storage/schema.ts';
import type { Transaction } from '../storage/writer.ts';
import { isSettled, Run } from './run.ts';

/** Runs and cursors of the workflow engine in SQLite. */
export class RunStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Runs with something left to do. */
  unsettled(projectId: string): Run[] {
    return this.#database.query
      .select({ body: workflowRuns.body })
      .from(workflowRuns)
      .where(and(eq(workflowRuns.projectId, projectId), eq(workflowRuns.settled, false)))
      .all()
      .map((row) => Run.parse(JSON.parse(row.body)));
  }

  /** The run of an issue, settled or not. */
  find(projectId: string, issueId: string): Run | undefined {
    const row = this.#database.query
      .select({ body: workflowRuns.body })
      .from(workflowRuns)
      .where(and(eq(workflowRuns.projectId, projectId), eq(workflowRuns.issueId, issueId)))
      .get();
    return row && Run.parse(JSON.parse(row.body));
  }

  /** Sequence up to which a project’s log has been acted on; undefined before the first time. */
  sequence(projectId: string): number | undefined {
    return this.#database.query
      .select({ sequence: workflowCursors.sequence })
      .from(workflowCursors)
      .where(eq(workflowCursors.projectId, projectId))
      .get()?.sequence;
  }

  /** Keeps a run as it stands. */
  save(transaction: Transaction, run: Run, nowMs: number): void {
    const values = {
      projectId: run.project_id,
      issueId: run.issue_id,
      settled: isSettled(run),
      updatedAtMs: nowMs,
      body: JSON.stringify(run),
    };
    transaction.database.query
      .insert(workflowRuns)
      .values(values)
      .onConflictDoUpdate({ target: [workflowRuns.projectId, workflowRuns.issueId], set: values })
      .run();
  }

  /** Keeps how far a project’s log has been acted on. */
  moveTo(transaction: Transaction, projectId: string, sequence: number): void {
    const values = { projectId, sequence };
    transaction.database.query
      .insert(workflowCursors)
      .values(values)
      .onConflictDoUpdate({ target: workflowCursors.projectId, set: values })
      .run();
  }
}
