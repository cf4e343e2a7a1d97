import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SidecarError, type StoredResult } from '@orchestration-sidecar/shared';
import { CircuitBreakers, type CircuitBreaker } from '../runtime/circuit-breakers.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { MirrorFault } from '../storage/mirror-fault.ts';
import type { Logger } from '../telemetry/logger.ts';
import { MirroredPlace, namesIn } from './mirrored-place.ts';
import type { ResultPlace, ResultStore } from './result-store.ts';

/** What the mirror needs. */
export interface ResultMirrorNeeds {
  readonly store: ResultStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Left out: one of its own. */
  readonly breaker?: CircuitBreaker;
}

/** How long a disk that refused is left alone. */
const RETRY_MS = 1000;
/** Issues looked up at a time when all are compared. */
const ISSUES_PAGE = 100;

/**
 * Mirrors results as `results/<project>/<issue>/<agent_type>.json`, the newest; earlier ones of the same agent type
 * beside it under `<agent_type>/<result_id>.json` (DECISIONS 2). Written after the commit and never read back. What a
 * disk refuses, or a killed process left undone, is put right from the store.
 */
export class ResultMirror {
  readonly #root: string;
  readonly #needs: ResultMirrorNeeds;
  readonly #breaker: CircuitBreaker;
  /** What lies as the newest, of places written since the start. */
  readonly #newest = new Map<string, Pick<StoredResult, 'id' | 'stored_at'>>();
  /** The writing that goes on at each place. */
  readonly #writing = new Map<string, Promise<unknown>>();
  /** Places that are not as the store says. */
  readonly #behind = new Map<string, ResultPlace>();
  #retry: Timer | undefined;
  #closed = false;

  constructor(root: string, needs: ResultMirrorNeeds) {
    this.#root = root;
    this.#needs = needs;
    this.#breaker = needs.breaker ?? new CircuitBreakers().around({ kind: 'result_mirror' });
  }

  /** Where the newest result of an agent type for an issue lies. */
  pathOf(result: Pick<StoredResult, 'project_id' | 'issue_id' | 'agent_type'>): string {
    return this.#placeOf(toPlace(result)).newest;
  }

  /** Mirrors a stored result; resolves when it is on disk. A disk that refuses is logged and tried again. */
  async add(result: StoredResult): Promise<void> {
    const at = toPlace(result);
    const place = this.#placeOf(at);
    await this.#write(at, async () => {
      const newest = this.#newest.get(place.newest);
      if (newest === undefined) await this.#check(at, true);
      else if (comesAfter(result, newest)) {
        await place.replaceNewest(result, newest.id);
        this.#newest.set(place.newest, result);
      } else await place.addEarlier(result);
    });
  }

  /** Takes results away that the store no longer has. */
  async remove(gone: readonly (ResultPlace & { readonly resultId: string })[]): Promise<void> {
    const byPlace = Map.groupBy(gone, (result) => this.#placeOf(result).newest);
    for (const [path, [first, ...others]] of byPlace) {
      if (first === undefined) continue;
      const place = this.#placeOf(first);
      const ids = [first, ...others].map(({ resultId }) => resultId);
      await this.#write(first, async () => {
        const newest = this.#newest.get(path)?.id;
        // Where it is not known what lies there, or another has to be shown as the newest, the whole place is put right.
        if (newest === undefined || ids.includes(newest)) await this.#check(first, true);
        else {
          for (const id of ids) await place.removeEarlier(id);
          await place.removeEmpty();
        }
      });
    }
  }

  /**
   * Compares every mirror with the store, one after the other, each after what is being written there. It looks and
   * writes whatever the breaker says: whoever asks wants to know how the files are, not how the disk was.
   * @param repair also puts right what differs.
   * @throws the signal’s reason when cancelled; {@link SidecarError} `STORAGE_UNAVAILABLE` when places could not be put
   * right, after the others were; they are tried again later.
   */
  async compare(repair: boolean, signal: AbortSignal): Promise<MirrorFault[]> {
    const { store } = this.#needs;
    const faults: MirrorFault[] = [];
    const refused: unknown[] = [];
    const compareIssue = async (issue: IssuePlace): Promise<void> => {
      for (const place of await this.#placesOf(issue)) {
        signal.throwIfAborted();
        try {
          faults.push(...(await this.#afterWriting(place, () => this.#check(place, repair))));
        } catch (cause) {
          if (repair) this.#fallBehind(place, cause);
          refused.push(cause);
        }
      }
    };
    let issues = store.issuesAfter(undefined, ISSUES_PAGE);
    for (; issues.length > 0; issues = store.issuesAfter(issues.at(-1), ISSUES_PAGE)) {
      for (const issue of issues) await compareIssue(issue);
    }
    for (const projectId of await namesIn(this.#root)) {
      for (const issueId of await namesIn(join(this.#root, projectId))) {
        const issue = { projectId, issueId };
        if (store.idsOfIssue(issue).length > 0) continue;
        await compareIssue(issue);
        if (repair) await rmdir(this.#directoryOf(issue)).catch(() => undefined);
      }
    }
    if (refused.length > 0) {
      const detail = `The mirrors of ${refused.length} places in results/ could not be ${repair ? 'written' : 'read'}.`;
      throw new SidecarError('STORAGE_UNAVAILABLE', detail, { cause: refused[0] });
    }
    return faults;
  }

  /** Resolves when nothing is being written. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#retry?.cancel();
    await Promise.all(this.#writing.values());
  }

  async #placesOf(issue: IssuePlace): Promise<ResultPlace[]> {
    const types = new Set(this.#needs.store.idsOfIssue(issue).map(({ agentType }) => agentType));
    for (const name of await namesIn(this.#directoryOf(issue))) types.add(name.split('.')[0] ?? name);
    return [...types].map((agentType) => ({ ...issue, agentType }));
  }

  async #check(at: ResultPlace, repair: boolean): Promise<MirrorFault[]> {
    const { store } = this.#needs;
    const place = this.#placeOf(at);
    const ids = store
      .idsOfIssue(at)
      .flatMap(({ resultId, agentType }) => (agentType === at.agentType ? [resultId] : []));
    const faults = await place.check(ids, (id) => store.find(at.projectId, id), repair);
    if (repair) {
      const [newestId] = ids;
      const newest = newestId === undefined ? undefined : store.find(at.projectId, newestId);
      if (newest) this.#newest.set(place.newest, { id: newest.id, stored_at: newest.stored_at });
      else this.#newest.delete(place.newest);
    }
    return faults.map(({ path, fault }) => ({ path: path.slice(this.#root.length - RESULTS.length), fault }));
  }

  /** Writes at a place after what is under way there. A failure leaves the place to the next try. */
  async #write(at: ResultPlace, work: () => Promise<void>): Promise<void> {
    // A disk that refuses is left alone: what comes meanwhile falls behind at once, and catches up later.
    await this.#afterWriting(at, () =>
      this.#breaker.run(work).catch((cause: unknown) => {
        this.#fallBehind(at, cause);
      }),
    );
  }

  /** Does something at a place after what is under way there, and before what comes later. */
  async #afterWriting<T>(at: ResultPlace, work: () => Promise<T>): Promise<T> {
    const key = this.#placeOf(at).newest;
    const working = (this.#writing.get(key) ?? Promise.resolve()).then(work);
    const settled = working.then(
      () => undefined,
      () => undefined,
    );
    this.#writing.set(key, settled);
    try {
      return await working;
    } finally {
      if (this.#writing.get(key) === settled) this.#writing.delete(key);
    }
  }

  #fallBehind(at: ResultPlace, cause: unknown): void {
    const key = this.#placeOf(at).newest;
    this.#newest.delete(key);
    if (this.#behind.size === 0)
      this.#needs.logger.warn({ err: cause, path: key }, 'result mirror could not be written');
    this.#behind.set(key, at);
    if (!this.#closed) this.#retry ??= this.#needs.clock.after(RETRY_MS, () => void this.#catchUp());
  }

  async #catchUp(): Promise<void> {
    this.#retry = undefined;
    const behind = [...this.#behind.values()];
    this.#behind.clear();
    for (const place of behind) await this.#write(place, async () => void (await this.#check(place, true)));
  }

  #placeOf({ projectId, issueId, agentType }: ResultPlace): MirroredPlace {
    return new MirroredPlace(this.#directoryOf({ projectId, issueId }), agentType);
  }

  #directoryOf({ projectId, issueId }: IssuePlace): string {
    return join(this.#root, projectId, issueId);
  }
}

type IssuePlace = Omit<ResultPlace, 'agentType'>;

/** Name of the directory that the mirrors lie in. */
const RESULTS = 'results';

function toPlace(result: Pick<StoredResult, 'project_id' | 'issue_id' | 'agent_type'>): ResultPlace {
  return { projectId: result.project_id, issueId: result.issue_id, agentType: result.agent_type };
}

/** The store’s order: by time, then id. */
function comesAfter(a: Pick<StoredResult, 'id' | 'stored_at'>, b: Pick<StoredResult, 'id' | 'stored_at'>): boolean {
  const [aMs, bMs] = [Date.parse(a.stored_at), Date.parse(b.stored_at)];
  return aMs === bMs ? a.id > b.id : aMs > bMs;
}
