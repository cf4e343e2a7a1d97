import type Sqlite from 'better-sqlite3';
import { LIVE_AGENT_STATES } from '@orchestration-sidecar/shared';
import type { Database } from '../database.ts';

/** Whose data it is. */
export interface Belonging {
  readonly projectId: string;
  readonly issueId: string;
  /** Set for a result. */
  readonly resultId?: string;
}

/** Why a clean-up must keep something, whatever its age. */
export type Hold = 'pinned' | 'running';

/**
 * What is never swept: what is pinned, and what belongs to an issue that runs or is paused, or that an agent works on.
 * Asked again for each thing just before it goes; for a result inside the transaction that removes it.
 */
export class Holds {
  readonly #pinned: Sqlite.Statement<[projectId: string, issueId: string, resultId: string], number>;
  readonly #running: Sqlite.Statement<Belonging, number>;
  readonly #remains: Sqlite.Statement<Belonging, number>;

  constructor({ driver }: Database) {
    const live = LIVE_AGENT_STATES.map((state) => `'${state}'`).join(', ');
    this.#pinned = driver
      .prepare<[string, string, string], number>(
        `select 1 from pins where project_id = ? and (kind, id) in (values ('issue', ?), ('result', ?))`,
      )
      .pluck();
    this.#running = driver
      .prepare<Belonging, number>(
        `select exists (
           select 1 from issues where project_id = @projectId and issue_id = @issueId and status in ('running', 'paused')
         ) or exists (
           select 1 from agents where project_id = @projectId and issue_id = @issueId and state in (${live})
         )`,
      )
      .pluck();
    this.#remains = driver
      .prepare<Belonging, number>(
        `select exists (select 1 from results where project_id = @projectId and issue_id = @issueId)
             or exists (select 1 from agents where project_id = @projectId and issue_id = @issueId)`,
      )
      .pluck();
  }

  /** Whether results or agents of an issue are left: it outlives them, so that another of its name finds none of its own. */
  hasRemains({ projectId, issueId }: Belonging): boolean {
    return this.#remains.get({ projectId, issueId }) === 1;
  }

  /** Why it must be kept; null: it may go. */
  of({ projectId, issueId, resultId = '' }: Belonging): Hold | null {
    if (this.#pinned.get(projectId, issueId, resultId) !== undefined) return 'pinned';
    return this.#running.get({ projectId, issueId }) === 1 ? 'running' : null;
  }
}
