import { LIMITS } from '@orchestration-sidecar/shared';
import type { Clock } from '../runtime/clock.ts';
import { forgetOutcomes } from '../storage/idempotency.ts';
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
/** Consumers looked after in one transaction. */
const BATCH_CONSUMERS = 50;

/**
 * Removes what has had its time: events by their time to live, by age and by number, and with them what consumers can
 * no longer get; nonces, remembered outcomes and dead letters.
 */
export class Retention {
  readonly #needs: RetentionNeeds;
  readonly #maxLogEvents: number;
  #closed = false;
  #sweeping: Promise<void> | undefined;

  constructor(needs: RetentionNeeds) {
    this.#needs = needs;
    this.#maxLogEvents = needs.maxLogEvents ?? LIMITS.maxLogEvents;
  }

  /** Removes all that is due now, batch by batch; never twice at once and never throws. */
  sweep(): Promise<void> {
    this.#sweeping ??= this.#sweep()
      .catch((cause: unknown) => this.#needs.logger.error({ err: cause }, 'retention failed'))
      .finally(() => (this.#sweeping = undefined));
    return this.#sweeping;
  }

  /** Stops after the batch under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#sweeping;
  }

  async #sweep(): Promise<void> {
    const { log, consumers, deadLetters, writer, clock } = this.#needs;
    const nowMs = clock.nowMs();
    await writer.write((transaction) => consumers.settleEnded(transaction, BATCH_CONSUMERS));
    await this.#drain((transaction) => this.#remove(transaction, log.expired(nowMs, BATCH_ROWS), 'expired'));
    for (const projectId of log.projectIds()) {
      await this.#drain((transaction) =>
        this.#remove(transaction, log.surplus(projectId, this.#maxLogEvents, BATCH_ROWS), 'trimmed'),
      );
    }
    await this.#drain((transaction) => forgetNonces(transaction, nowMs, BATCH_ROWS));
    await this.#drain((transaction) => forgetOutcomes(transaction, nowMs, BATCH_ROWS));
    await this.#drain((transaction) => deadLetters.trim(transaction, nowMs, BATCH_ROWS));
  }

  /** Works in transactions of their own until there is less than a batch to do. */
  async #drain(work: (transaction: Transaction) => number): Promise<void> {
    for (let rows = BATCH_ROWS; rows >= BATCH_ROWS && !this.#closed;) rows = await this.#needs.writer.write(work);
  }

  #remove(transaction: Transaction, leaving: readonly Leaving[], reason: 'expired' | 'trimmed'): number {
    const { log, consumers } = this.#needs;
    for (const [projectId, events] of Map.groupBy(leaving, (event) => event.projectId)) {
      consumers.outlive(transaction, projectId, events, reason);
      log.remove(transaction, projectId, events);
    }
    return leaving.length;
  }
}
