import { setImmediate as nextTurn } from 'node:timers/promises';
import { LIMITS } from '@orchestration-sidecar/shared';
import type { Clock } from '../runtime/clock.ts';
import { Tally, withinSize, type Amount, type Sweep } from '../storage/clean-up/index.ts';
import { forgetOutcomes, trimOutcomes } from '../storage/idempotency.ts';
import type { Transaction, Writer } from '../storage/writer.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Consumers, DeadLetters } from './consumers/index.ts';
import type { EventLog } from './event-log.ts';
import type { Leaving } from './event-store.ts';
import { forgetNonces } from './nonce-store.ts';

/** What the retention needs. */
export interface RetentionNeeds {
  readonly log: EventLog;
  readonly consumers: Consumers;
  readonly deadLetters: DeadLetters;
  readonly writer: Writer;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Events kept of one project. Default 1,000,000 (DECISIONS 5). */
  readonly maxLogEvents?: number;
}

/** Rows removed in one transaction: a few milliseconds, so that publishers do not notice. */
const BATCH_ROWS = 200;
/** Text that one transaction keeps of events for consumers that are behind, and about what a row takes beside it. */
const MAX_KEPT_CHARS = 1024 * 1024;
const KEPT_ROW_CHARS = 1000;

/**
 * Removes what has had its time: events by their time to live, by age and by number, and with them what consumers can
 * no longer get; nonces, remembered outcomes and dead letters. It works every second, so there is little to do each time.
 */
export class Retention {
  readonly #needs: RetentionNeeds;
  readonly #maxLogEvents: number;
  readonly #closing = new AbortController();
  /** What is swept; the next sweep waits for it. */
  #sweeping: Promise<unknown> = Promise.resolve();

  constructor(needs: RetentionNeeds) {
    this.#needs = needs;
    this.#maxLogEvents = needs.maxLogEvents ?? LIMITS.maxLogEvents;
  }

  /** Removes all that is due now, batch by batch, after a sweep under way; never throws. */
  async sweep(): Promise<void> {
    const { logger } = this.#needs;
    await this.#inTurn(this.#closing.signal, async (tally, signal) => {
      await this.#sweepEvents(tally, signal);
      await this.#forget(signal);
      await this.#sweepDeadLetters(tally, signal);
    }).catch((cause: unknown) => logger.error({ err: cause }, 'retention failed'));
  }

  /** The same as two kinds of a clean-up. */
  sweeps(): Sweep[] {
    const { clock, deadLetters } = this.#needs;
    const sweep = async (signal: AbortSignal, work: SweepPart): Promise<Tally> => {
      const tally = await this.#inTurn(AbortSignal.any([signal, this.#closing.signal]), work);
      signal.throwIfAborted();
      return tally;
    };
    return [
      {
        kind: 'dead_letters',
        run: async ({ dryRun, signal }) =>
          dryRun
            ? tallyOf(deadLetters.due(clock.nowMs()))
            : sweep(signal, (tally, over) => this.#sweepDeadLetters(tally, over)),
      },
      {
        kind: 'events',
        run: async ({ dryRun, signal }) =>
          dryRun ? this.#due(signal) : sweep(signal, (tally, over) => this.#sweepEvents(tally, over)),
      },
    ];
  }

  /** Stops after the batch under way. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#sweeping;
  }

  /** Works after what is under way, one at a time; when the signal says so it ends after its batch. */
  #inTurn(signal: AbortSignal, work: SweepPart): Promise<Tally> {
    const sweeping = this.#sweeping.then(async () => {
      const tally = new Tally();
      if (!signal.aborted) await work(tally, signal);
      return tally;
    });
    this.#sweeping = sweeping.catch(() => undefined);
    return sweeping;
  }

  async #sweepEvents(tally: Tally, signal: AbortSignal): Promise<void> {
    const { log, consumers, clock } = this.#needs;
    const nowMs = clock.nowMs();
    await this.#drain((transaction) => consumers.settleEnded(transaction, BATCH_ROWS), signal);
    await this.#removeAll(() => log.expired(nowMs, BATCH_ROWS), 'expired', tally, signal);
    for (const projectId of log.projectIds()) {
      const surplus = (): Leaving[] => log.surplus(projectId, this.#maxLogEvents, BATCH_ROWS);
      await this.#removeAll(surplus, 'trimmed', tally, signal);
    }
  }

  async #sweepDeadLetters(tally: Tally, signal: AbortSignal): Promise<void> {
    const { deadLetters, clock } = this.#needs;
    const nowMs = clock.nowMs();
    await this.#drain((transaction) => {
      const removed = deadLetters.trim(transaction, nowMs, BATCH_ROWS);
      transaction.afterCommit(() => tally.remove(removed));
      return removed.count;
    }, signal);
  }

  /** Forgets nonces and outcomes. */
  async #forget(signal: AbortSignal): Promise<void> {
    const nowMs = this.#needs.clock.nowMs();
    await this.#drain((transaction) => forgetNonces(transaction, nowMs, BATCH_ROWS), signal);
    await this.#drain((transaction) => forgetOutcomes(transaction, nowMs, BATCH_ROWS), signal);
    await this.#drain((transaction) => Number(trimOutcomes(transaction)), signal);
  }

  /** Works in transactions of their own until there is nothing left to do. */
  async #drain(work: (transaction: Transaction) => number, signal: AbortSignal): Promise<void> {
    for (let rows = 1; rows > 0 && !signal.aborted;) rows = await this.#needs.writer.writeBeside(work);
  }

  /** Removes batch by batch what leaves; a batch of large events has few. Nobody else removes any meanwhile. */
  async #removeAll(
    leaving: () => Leaving[],
    reason: 'expired' | 'trimmed',
    tally: Tally,
    signal: AbortSignal,
  ): Promise<void> {
    for (let batch = leaving(); batch.length > 0 && !signal.aborted; batch = leaving()) {
      const some = this.#fitting(batch);
      await this.#needs.writer.writeBeside((transaction) => {
        this.#remove(transaction, some, reason);
        transaction.afterCommit(() => tally.remove(amountOf(some)));
      });
      if (some.length < batch.length) await this.#sweepDeadLetters(tally, signal);
    }
  }

  /** As many as one transaction can keep for everybody who still has to get them: a thousand consumers may be behind. */
  #fitting(leaving: readonly Leaving[]): Leaving[] {
    const keptChars = ({ projectId, sequence, json }: Leaving): number => {
      const behind = this.#needs.consumers.behind(projectId, sequence);
      return behind === 0 ? 0 : json.length + behind * KEPT_ROW_CHARS;
    };
    return withinSize(leaving, keptChars, MAX_KEPT_CHARS);
  }

  #remove(transaction: Transaction, leaving: readonly Leaving[], reason: 'expired' | 'trimmed'): void {
    const { log, consumers } = this.#needs;
    for (const [projectId, events] of Map.groupBy(leaving, (event) => event.projectId)) {
      consumers.outlive(projectId, events, reason);
      log.remove(transaction, projectId, events);
    }
  }

  /** What a sweep would remove of the log now. */
  async #due(signal: AbortSignal): Promise<Tally> {
    const { log, clock } = this.#needs;
    const nowMs = clock.nowMs();
    const tally = new Tally();
    const expired = new Map<string, number>();
    for (let batch = log.expired(nowMs, BATCH_ROWS); batch.length > 0;) {
      tally.remove(amountOf(batch));
      for (const { projectId } of batch) expired.set(projectId, (expired.get(projectId) ?? 0) + 1);
      await nextTurn();
      signal.throwIfAborted();
      batch = log.expired(nowMs, BATCH_ROWS, batch.at(-1));
    }
    for (const projectId of log.projectIds()) {
      const count = log.retainedOf(projectId) - (expired.get(projectId) ?? 0) - this.#maxLogEvents;
      // Their size is known only once they are read, and what is beyond the number goes within a second anyway.
      if (count > 0) tally.remove({ count, bytes: 0 });
    }
    return tally;
  }
}

/** One part of a sweep: counts what it removes, and ends after its batch when the signal says so. */
type SweepPart = (tally: Tally, signal: AbortSignal) => Promise<void>;

function tallyOf(amount: Amount): Tally {
  const tally = new Tally();
  tally.remove(amount);
  return tally;
}

function amountOf(events: readonly Leaving[]): Amount {
  return { count: events.length, bytes: events.reduce((sum, { json }) => sum + Buffer.byteLength(json), 0) };
}
