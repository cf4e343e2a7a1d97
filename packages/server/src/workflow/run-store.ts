import { and, eq, sql } from 'drizzle-orm';
import type { Database } from '../storage/database.ts';
import { workflowCursors, workflowRuns } from '../storage/schema.ts';
import { isSettled, Run } from './run.ts';

/** Runs and cursors of the workflow engine in SQLite. */
export class RunStore {
  readonly #find;
  readonly #unsettled;
  readonly #sequence;
  readonly #isUnsettled;
  readonly #remove;
  readonly #save;
  readonly #moveTo;

  constructor({ query }: Database) {
    const projectId = sql.placeholder('projectId');
    const issueId = sql.placeholder('issueId');
    const runs = query.select({ body: workflowRuns.body }).from(workflowRuns);
    const which = and(eq(workflowRuns.projectId, projectId), eq(workflowRuns.issueId, issueId));
    this.#find = runs.where(which).prepare();
    this.#unsettled = query
      .select({ body: workflowRuns.body })
      .from(workflowRuns)
      .where(and(eq(workflowRuns.projectId, projectId), eq(workflowRuns.settled, false)))
      .prepare();
    this.#isUnsettled = query
      .select({ settled: workflowRuns.settled })
      .from(workflowRuns)
      .where(and(which, eq(workflowRuns.settled, false)))
      .prepare();
    this.#remove = query.delete(workflowRuns).where(which).prepare();
    this.#sequence = query
      .select({ sequence: workflowCursors.sequence })
      .from(workflowCursors)
      .where(eq(workflowCursors.projectId, projectId))
      .prepare();
    this.#save = query
      .insert(workflowRuns)
      .values({
        projectId,
        issueId,
        settled: sql.placeholder('settled'),
        updatedAtMs: sql.placeholder('nowMs'),
        body: sql.placeholder('body'),
      })
      .onConflictDoUpdate({
        target: [workflowRuns.projectId, workflowRuns.issueId],
        set: { settled: sql`excluded.settled`, updatedAtMs: sql`excluded.updated_at_ms`, body: sql`excluded.body` },
      })
      .prepare();
    this.#moveTo = query
      .insert(workflowCursors)
      .values({ projectId, sequence: sql.placeholder('sequence') })
      .onConflictDoUpdate({ target: workflowCursors.projectId, set: { sequence: sql`excluded.sequence` } })
      .prepare();
  }

  /** Runs with something left to do. */
  unsettled(projectId: string): Run[] {
    return this.#unsettled.all({ projectId }).map(toRun);
  }

  /** The run of an issue, settled or not. */
  find(projectId: string, issueId: string): Run | undefined {
    const row = this.#find.get({ projectId, issueId });
    return row && toRun(row);
  }

  /** Whether something is left to do in the run of an issue; false also where there is none. */
  isUnsettled(projectId: string, issueId: string): boolean {
    return this.#isUnsettled.get({ projectId, issueId }) !== undefined;
  }

  /** Removes the run of an issue, where there is one; call it inside a write transaction. */
  remove(projectId: string, issueId: string): void {
    this.#remove.run({ projectId, issueId });
  }

  /** Sequence up to which a project’s log has been acted on; undefined before the first time. */
  sequence(projectId: string): number | undefined {
    return this.#sequence.get({ projectId })?.sequence;
  }

  /** Keeps a run as it stands; call it inside a write transaction. */
  save(run: Run, nowMs: number): void {
    const { project_id: projectId, issue_id: issueId } = run;
    this.#save.run({ projectId, issueId, settled: isSettled(run), nowMs, body: JSON.stringify(run) });
  }

  /** Keeps how far a project’s log has been acted on; call it inside a write transaction. */
  moveTo(projectId: string, sequence: number): void {
    this.#moveTo.run({ projectId, sequence });
  }
}

function toRun(row: { readonly body: string }): Run {
  return Run.parse(JSON.parse(row.body));
}
