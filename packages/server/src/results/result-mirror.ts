import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoredResult } from '@orchestration-sidecar/shared';
import { writeFileAtomic } from '../storage/atomic-file.ts';
import type { Logger } from '../telemetry/logger.ts';

/**
 * Mirrors results as `results/<project>/<issue>/<agent_type>.json`, the newest; earlier ones of the same agent type
 * beside it under `<agent_type>/<result_id>.json` (DECISIONS 2). Written after the commit and never read back.
 */
export class ResultMirror {
  readonly #root: string;
  readonly #logger: Logger;
  /** What lies at each place: results of one moment are stored in another order than their ids have. */
  readonly #newest = new Map<string, string>();
  /** Newest result mirrored per place, and the writing that goes on there. */
  readonly #places = new Map<string, Promise<void>>();

  constructor(root: string, logger: Logger) {
    this.#root = root;
    this.#logger = logger;
  }

  /** Where the newest result of an agent type for an issue lies. */
  pathOf(result: Pick<StoredResult, 'project_id' | 'issue_id' | 'agent_type'>): string {
    return join(this.#root, result.project_id, result.issue_id, `${result.agent_type}.json`);
  }

  /**
   * Mirrors a result; resolves when it is on disk. A disk that refuses is logged: the store has the result.
   * @param previousId the result that was the newest until now.
   */
  async add(result: StoredResult, previousId: string | undefined): Promise<void> {
    const path = this.pathOf(result);
    const before = this.#places.get(path) ?? Promise.resolve();
    const writing = before.then(() => this.#write(path, result, previousId));
    this.#places.set(path, writing);
    await writing;
    if (this.#places.get(path) === writing) this.#places.delete(path);
  }

  /** Resolves when nothing is being written. */
  async close(): Promise<void> {
    await Promise.all(this.#places.values());
  }

  async #write(path: string, result: StoredResult, previousId: string | undefined): Promise<void> {
    const newestId = this.#newest.get(path) ?? previousId;
    this.#newest.set(path, result.id);
    try {
      if (newestId !== undefined) {
        const earlier = join(path.slice(0, -'.json'.length), `${newestId}.json`);
        await mkdir(join(earlier, '..'), { recursive: true, mode: 0o700 });
        await rename(path, earlier);
      }
    } catch (cause) {
      this.#logger.warn({ err: cause, path }, 'earlier result mirror could not be moved aside');
    }
    try {
      await writeFileAtomic(path, `${JSON.stringify(result, null, 2)}\n`);
    } catch (cause) {
      this.#logger.warn({ err: cause, path }, 'result mirror could not be written');
    }
  }
}
