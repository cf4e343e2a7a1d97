import { link, mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoredResult } from '@orchestration-sidecar/shared';
import { TEMPORARY, writeFileAtomic } from '../storage/atomic-file.ts';
import type { MirrorFault } from '../storage/mirror-fault.ts';

/** Text of a result’s mirror. */
export function mirrorText(result: StoredResult): string {
  return `${JSON.stringify(result, null, 2)}\n`;
}

/**
 * Where the results of one agent type for one issue lie: `<agent_type>.json`, the newest, and earlier ones under
 * `<agent_type>/<result_id>.json` (DECISIONS 2).
 */
export class MirroredPlace {
  /** File of the newest result. */
  readonly newest: string;
  readonly #issue: string;
  readonly #agentType: string;
  readonly #earlier: string;

  /** @param issue directory of the issue. */
  constructor(issue: string, agentType: string) {
    this.#issue = issue;
    this.#agentType = agentType;
    this.newest = join(issue, `${agentType}.json`);
    this.#earlier = join(issue, agentType);
  }

  /** Shows another result as the newest. What lies there becomes an earlier one without ever being gone. */
  async replaceNewest(result: StoredResult, previousId: string | undefined): Promise<void> {
    if (previousId !== undefined) await this.#keep(previousId);
    await writeFileAtomic(this.newest, mirrorText(result));
  }

  /** Shows a result among the earlier ones. */
  addEarlier(result: StoredResult): Promise<void> {
    return writeFileAtomic(this.#fileOf(result.id), mirrorText(result));
  }

  /** Takes an earlier result away. */
  removeEarlier(resultId: string): Promise<void> {
    return rm(this.#fileOf(resultId), { force: true });
  }

  /** Removes directories that hold nothing any more: with its last result a place, with its last place the issue’s. */
  async removeEmpty(): Promise<void> {
    await rmdir(this.#earlier).catch(() => undefined);
    await rmdir(this.#issue).catch(() => undefined);
  }

  /**
   * Compares what lies here with what should, newest first.
   * @param repair also puts it right, and removes directories that hold nothing any more.
   */
  async check(
    ids: readonly string[],
    find: (resultId: string) => StoredResult | undefined,
    repair: boolean,
  ): Promise<MirrorFault[]> {
    const faults: MirrorFault[] = [];
    const expected = new Set<string>();
    for (const [place, id] of ids.entries()) {
      const result = find(id);
      if (!result) continue;
      const path = place === 0 ? this.newest : this.#fileOf(id);
      expected.add(path);
      const text = mirrorText(result);
      const found = await readFile(path, 'utf8').catch(() => undefined);
      if (found === text) continue;
      faults.push({ path, fault: found === undefined ? 'missing' : 'different' });
      if (repair) await writeFileAtomic(path, text);
    }
    for (const path of await this.#present()) {
      if (expected.has(path)) continue;
      faults.push({ path, fault: 'extra' });
      if (repair) await rm(path, { force: true });
    }
    if (repair) await this.removeEmpty();
    return faults;
  }

  /** A second name for the newest file, so that there is no moment without it. */
  async #keep(resultId: string): Promise<void> {
    await mkdir(this.#earlier, { recursive: true, mode: 0o700 });
    await link(this.newest, this.#fileOf(resultId)).catch((cause: unknown) => {
      if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause;
    });
  }

  #fileOf(resultId: string): string {
    return join(this.#earlier, `${resultId}.json`);
  }

  async #present(): Promise<string[]> {
    const [beside, earlier] = await Promise.all([namesIn(this.#issue), namesIn(this.#earlier)]);
    const newest = `${this.#agentType}.json`;
    return [
      ...beside
        .filter((name) => name === newest || (name.startsWith(`${newest}.`) && name.endsWith(TEMPORARY)))
        .map((name) => join(this.#issue, name)),
      ...earlier.map((name) => join(this.#earlier, name)),
    ];
  }
}

/** Names in a directory; none when there is no such directory. */
export async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}
