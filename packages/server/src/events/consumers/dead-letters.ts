import { LIMITS, SidecarError, type DeadLetter, type DeadLetterReason } from '@orchestration-sidecar/shared';
import type { Clock } from '../../runtime/clock.ts';
import type { Ids } from '../../runtime/ids.ts';
import { withinSize, type Amount } from '../../storage/clean-up/index.ts';
import type { Transaction, Writer } from '../../storage/writer.ts';
import type { ConsumerUser } from './durable-consumer.ts';
import type { ConsumerDefinition, PendingDelivery } from './consumer-store.ts';
import type { AgedDeadLetter, DeadLetterStore, StoredDeadLetter } from './dead-letter-store.ts';

/** What the dead letters need. */
export interface DeadLettersNeeds {
  readonly store: DeadLetterStore;
  readonly writer: Writer;
  readonly clock: Clock;
  readonly ids: Ids;
  /** How long dead letters are kept. Default 30 days. */
  readonly retentionMs?: number;
}

/** Which dead letters to list. */
export interface DeadLetterQuery {
  readonly projectId: string;
  readonly user: ConsumerUser;
  readonly consumer?: string | undefined;
  readonly reason?: DeadLetterReason | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** Size of what one transaction removes: a few milliseconds. */
const MAX_TRIM_BYTES = 1024 * 1024;

/** Of SQLite. */
const NO_LIMIT = -1;

/** What durable consumers did not take, with the reason, until someone decides (DECISIONS 14). */
export class DeadLetters {
  readonly #needs: DeadLettersNeeds;

  constructor(needs: DeadLettersNeeds) {
    this.#needs = needs;
  }

  /** Lays an event aside; call inside a write transaction. */
  add(
    consumer: ConsumerDefinition,
    delivery: PendingDelivery,
    why: { readonly reason: DeadLetterReason; readonly body: string },
  ): void {
    const { store, ids, clock } = this.#needs;
    const { sequence, attempts, history } = delivery;
    store.insert({
      deadLetterId: `dl-${ids.orderedUuid()}`,
      projectId: consumer.projectId,
      consumer: consumer.name,
      agentType: consumer.agentType,
      sequence,
      detail: history.at(-1)?.detail ?? null,
      attempts,
      history,
      createdAtMs: clock.nowMs(),
      ...why,
    });
  }

  /**
   * A page of dead letters that someone may see, newest first.
   * @throws {SidecarError} `CURSOR_INVALID`.
   */
  list(query: DeadLetterQuery): { dead_letters: DeadLetter[]; next_cursor: string | null } {
    const { user, cursor, limit, ...selection } = query;
    const agentType = user === null ? null : user.agentType;
    if (cursor !== undefined && !/^\d{1,15}$/.test(cursor)) throw new SidecarError('CURSOR_INVALID');
    const before = cursor === undefined ? undefined : Number(cursor);
    const { letters, hasMore } = this.#needs.store.list({ ...selection, agentType, before, limit });
    const last = hasMore ? letters.at(-1) : undefined;
    return {
      dead_letters: letters.map(({ deadLetter }) => deadLetter),
      next_cursor: last ? String(last.place) : null,
    };
  }

  /** @throws {SidecarError} `DEAD_LETTER_NOT_FOUND`, also for one that the caller may not see. */
  require(projectId: string, deadLetterId: string, user: ConsumerUser): StoredDeadLetter {
    const stored = this.#needs.store.require(projectId, deadLetterId);
    if (user !== null && stored.agentType !== user.agentType) throw new SidecarError('DEAD_LETTER_NOT_FOUND');
    return stored;
  }

  /** Forgets one. */
  remove(transaction: Transaction, deadLetterId: string): void {
    this.#needs.store.remove(transaction, [deadLetterId]);
  }

  /** @throws {SidecarError} `DEAD_LETTER_NOT_FOUND`. */
  async drop(projectId: string, deadLetterId: string, user: ConsumerUser): Promise<void> {
    await this.#needs.writer.write((transaction) => {
      this.require(projectId, deadLetterId, user);
      this.remove(transaction, deadLetterId);
    });
  }

  /** How many a consumer has. */
  countOf(projectId: string, consumer: string): number {
    return this.#needs.store.countOf(projectId, consumer);
  }

  /** How many there are, over all projects. */
  count(): number {
    return this.#needs.store.count();
  }

  /** Those that are too old or too many, at most so many of either: how many, and how large. */
  due(nowMs: number, limit: number = NO_LIMIT): Amount {
    return amountOf(this.#due(nowMs, limit));
  }

  /** Removes some of those that are too old or too many: at most so many, and a megabyte unless one alone is larger. */
  trim(transaction: Transaction, nowMs: number, limit: number): Amount {
    const due = withinSize(this.#due(nowMs, limit).slice(0, limit), sizing(), MAX_TRIM_BYTES);
    const ids = due.map(({ deadLetterId }) => deadLetterId);
    this.#needs.store.remove(transaction, ids);
    return amountOf(due);
  }

  #due(nowMs: number, limit: number): AgedDeadLetter[] {
    const retentionMs = this.#needs.retentionMs ?? LIMITS.maxDeadLetterAgeSeconds * 1000;
    return this.#needs.store.due({ beforeMs: nowMs - retentionMs, maxKept: LIMITS.maxDeadLetters, limit });
  }
}

function amountOf(letters: readonly AgedDeadLetter[]): Amount {
  const sizeOf = sizing();
  return { count: letters.length, bytes: letters.reduce((sum, letter) => sum + sizeOf(letter), 0) };
}

/** Sizes of dead letters that are looked at one after the other: an event counts once. */
function sizing(): (letter: AgedDeadLetter) => number {
  const seen = new Set<string>();
  return ({ projectId, sequence, ownBytes, eventBytes }) => {
    const event = `${projectId} ${sequence}`;
    if (seen.has(event)) return ownBytes;
    seen.add(event);
    return ownBytes + eventBytes;
  };
}
