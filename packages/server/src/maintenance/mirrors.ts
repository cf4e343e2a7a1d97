import type { EventLogMirror } from '../events/index.ts';
import type { ResultMirror } from '../results/index.ts';
import type { MirrorFault } from '../storage/mirror-fault.ts';
import type { Logger } from '../telemetry/logger.ts';

/** What the mirrors need. */
export interface MirrorsNeeds {
  readonly results: ResultMirror;
  readonly eventLog: EventLogMirror;
  readonly logger: Logger;
}

/**
 * The JSON files that show what the store holds (DECISIONS 1). They follow every commit; a process that was killed
 * leaves them behind, so after each start those of results are compared with the store; the event log’s is written anew.
 */
export class Mirrors {
  readonly #needs: MirrorsNeeds;
  readonly #closing = new AbortController();
  #comparing: Promise<unknown> = Promise.resolve();

  constructor(needs: MirrorsNeeds) {
    this.#needs = needs;
  }

  /** Compares the mirrors of results with the store and puts right what differs, in the background; never throws. */
  reconcile(): void {
    this.#comparing = this.#needs.results.compare(true, this.#closing.signal).then(
      (faults) => {
        if (faults.length > 0)
          this.#needs.logger.info({ files: faults.length }, 'mirrors were behind and are right again');
      },
      (cause: unknown) => {
        if (!this.#closing.signal.aborted) this.#needs.logger.warn({ err: cause }, 'mirrors could not be compared');
      },
    );
  }

  /**
   * What differs from the store, one comparison at a time. A file that was written meanwhile is not counted.
   * @throws the reason of the end when {@link close} ends it.
   */
  verify(): Promise<MirrorFault[]> {
    return this.#inTurn(false);
  }

  /** As {@link verify}, and puts it right. */
  rebuild(): Promise<MirrorFault[]> {
    return this.#inTurn(true);
  }

  /** Ends the comparison under way. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#comparing;
  }

  #inTurn(repair: boolean): Promise<MirrorFault[]> {
    const comparing = this.#comparing.then(() => this.#compare(repair));
    this.#comparing = comparing.catch(() => undefined);
    return comparing;
  }

  async #compare(repair: boolean): Promise<MirrorFault[]> {
    const { results, eventLog } = this.#needs;
    const ofResults = await results.compare(repair, this.#closing.signal);
    return [...ofResults, ...(await eventLog.compare(repair))];
  }
}
