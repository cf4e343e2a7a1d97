import { eq } from 'drizzle-orm';
import type { Project } from '@orchestration-sidecar/shared';
import { isoTime } from '../runtime/clock.ts';
import type { Database } from '../storage/database.ts';
import { projects } from '../storage/schema.ts';
import type { Transaction } from '../storage/writer.ts';

/** Projects in SQLite. */
export class ProjectStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** All projects, oldest first. */
  all(): Project[] {
    return this.#database.query.select().from(projects).orderBy(projects.createdAtMs).all().map(toProject);
  }

  /** The project that is registered with a root. */
  byRoot(root: string): Project | undefined {
    const row = this.#database.query.select().from(projects).where(eq(projects.root, root)).get();
    return row && toProject(row);
  }

  /** Adds a project. */
  insert(transaction: Transaction, project: { projectId: string; root: string; createdAtMs: number }): void {
    transaction.database.query.insert(projects).values(project).run();
  }
}

function toProject(row: typeof projects.$inferSelect): Project {
  return { project_id: row.projectId, root: row.root, created_at: isoTime(row.createdAtMs), default: false };
}
