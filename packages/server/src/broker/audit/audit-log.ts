import { setImmediate as nextTurn } from 'node:timers/promises';
import { SIDECAR_PUBLISHER, type AuditRecord, type AuditVerdict } from '@orchestration-sidecar/shared';
import { isoTime, type Clock, type Timer } from '../../runtime/clock.ts';
import { createSecretFile, readSecretFile, replaceSecretFile } from '../../storage/secret-file.ts';
import { Tally, type Sweep } from '../../storage/clean-up/index.ts';
import type { Transaction, Writer } from '../../storage/writer.ts';
import { inCall } from '../../telemetry/call-context.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { AuditChain, canonical, GENESIS, type ChainLink } from './audit-chain.ts';
import { forgetRestoration, readRestoration } from './restore-note.ts';
import { readRecord, type AuditQuery, type AuditRow, type AuditStore } from './audit-store.ts';

/** A deed that is to be recorded. What is left out: done once, by the sidecar, to nothing in particular. */
export type Deed = Pick<AuditRecord, 'action'> & Partial<Omit<AuditRecord, 'action' | 'sequence' | 'at'>>;

/** What the audit log needs. */
export interface AuditLogNeeds {
  readonly store: AuditStore;
  readonly writer: Writer;
  readonly clock: Clock;
  readonly logger: Logger;
  /** File of the key, and of the newest link: outside of the store. */
  readonly keyFile: string;
  readonly anchorFile: string;
  /** File that a restore leaves. */
  readonly restoredFile: string;
  /** A new secret of so many bytes. */
  readonly secret: (bytes: number) => string;
}

/** How records are trimmed. */
export interface TrimOptions {
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

const TRIMMED = 'audit.trimmed';
const BROKEN = 'audit.broken';
const RESTORED = 'audit.restored';
/** How often what was counted is written, and the newest link outside of the store. */
const WRITE_MS = 1000;
/** Different deeds that are counted at once; beyond, who did it is no longer told apart. */
const MAX_COUNTED = 2000;
const PAGE_ROWS = 500;
/** Records that one transaction removes: a few milliseconds. */
const TRIM_ROWS = 200;
const MAX_FAULTS = 20;

/**
 * Who did what to what, and what came of it: append-only and chained, so that a record that was altered, removed or
 * put elsewhere is found. Deeds are written with their own transaction or before they are answered; what may come in
 * floods is counted and written together.
 */
export class AuditLog {
  readonly #needs: AuditLogNeeds;
  readonly #chain: AuditChain;
  readonly #counted = new Map<string, { readonly deed: Deed; count: number }>();
  #head: ChainLink;
  #began: ChainLink | undefined;
  #timer: Timer | undefined;

  private constructor(needs: AuditLogNeeds, chain: AuditChain, head: ChainLink) {
    this.#needs = needs;
    this.#chain = chain;
    this.#head = head;
  }

  /**
   * Opens the log. Records that are missing at its end are themselves put on record, so that a restart does not hide
   * it; where a restore took them away, that is what the record says.
   * @throws {SecretFileError} when others could have read the key.
   */
  static async open(needs: AuditLogNeeds): Promise<AuditLog> {
    const { keyFile, anchorFile, clock, store } = needs;
    if (readSecretFile(keyFile) === undefined) createSecretFile(keyFile, needs.secret(32), clock.nowMs());
    const chain = new AuditChain(readSecretFile(keyFile)?.content ?? Buffer.from(needs.secret(32)));
    const head = store.head() ?? GENESIS;
    const text = readSecretFile(anchorFile)?.content.toString('utf8');
    const anchored = text === undefined ? undefined : chain.unseal(text);
    const fault = faultOfAnchor(head, anchored, store);
    const restored = readRestoration(needs.restoredFile, chain, { head, anchored });
    const log = new AuditLog(needs, chain, {
      sequence: Math.max(head.sequence, anchored?.sequence ?? 0),
      hash: head.hash,
    });
    // Before the first record: a process killed within its first second has not removed its records’ anchor.
    if (text === undefined && head.sequence === 0) log.#anchor();
    if (restored !== undefined) {
      needs.logger.warn({ detail: restored }, 'the store was restored');
      await log.record({ action: RESTORED, detail: restored });
      // At once, and before the note goes: a kill in between would leave the anchor of the store that was replaced.
      log.#anchor();
    } else if (fault !== undefined) {
      needs.logger.error({ fault }, 'the audit log was changed while the sidecar did not run');
      await log.record({ action: BROKEN, outcome: 'FAILED', detail: fault });
    }
    forgetRestoration(needs.restoredFile);
    return log;
  }

  /** Records a deed in the transaction that does it. */
  append(transaction: Transaction, deed: Deed): void {
    const before = this.#head;
    const atMs = this.#needs.clock.nowMs();
    const sequence = before.sequence + 1;
    const body = canonical({
      sequence,
      at: isoTime(atMs),
      actor: SIDECAR_PUBLISHER,
      actor_type: SIDECAR_PUBLISHER,
      project_id: null,
      target: null,
      outcome: 'OK',
      correlation_id: null,
      count: 1,
      detail: null,
      ...deed,
    });
    const hash = this.#chain.link(before.hash, body);
    transaction.afterRollback(() => (this.#head = before));
    this.#needs.store.insert(transaction, { sequence, atMs, body, hash });
    this.#head = { sequence, hash };
    transaction.afterCommit(() => this.#writeSoon());
  }

  /** Records a deed; resolves when that is on disk. */
  record(deed: Deed): Promise<void> {
    return this.#needs.writer.write((transaction) => this.append(transaction, deed));
  }

  /** Counts a deed that may come often; what was counted is written together within a second. */
  count(deed: Deed): void {
    const { actor, action, outcome, project_id: projectId } = deed;
    const full = this.#counted.size >= MAX_COUNTED;
    const key = full ? `${action} ${outcome}` : JSON.stringify([actor, action, outcome, projectId]);
    const known = this.#counted.get(key);
    if (known) known.count += 1;
    else this.#counted.set(key, { count: 1, deed: full ? { action, ...(outcome ? { outcome } : {}) } : deed });
    this.#writeSoon();
  }

  /** A page of records, newest first. */
  async list(query: AuditQuery): Promise<AuditRecord[]> {
    await this.#writeCounted();
    return this.#needs.store.list(query);
  }

  /** Checks every record, its place, and the end of the chain. */
  async verify(): Promise<AuditVerdict> {
    await this.#writeCounted();
    const { store } = this.#needs;
    const faults: AuditVerdict['faults'] = [];
    const restorations: AuditVerdict['restorations'] = [];
    const report = (sequence: number, fault: AuditVerdict['faults'][number]['fault'], detail: string): void => {
      if (faults.length < MAX_FAULTS) faults.push({ sequence, fault, detail });
    };
    // What is written meanwhile is not looked at.
    const end = this.#head;
    const expectedEnd = readSecretFile(this.#needs.anchorFile)?.content.toString('utf8');
    let previous = this.#beginning();
    let records = 0;
    for (let page = store.after(0, PAGE_ROWS); page.length > 0; page = store.after(previous.sequence, PAGE_ROWS)) {
      for (const row of page) {
        if (row.sequence > end.sequence) break;
        const record = readRecord(row.body);
        const fault = this.#faultOf(row, previous.hash);
        const missing = row.sequence - previous.sequence - 1;
        // The sidecar’s own word, as authentic as the chain: what is missing before it was put aside by a restore.
        const isRestoration = record?.action === RESTORED && record.actor === SIDECAR_PUBLISHER && fault === undefined;
        if (isRestoration && restorations.length < MAX_FAULTS) {
          restorations.push({ sequence: row.sequence, at: record.at, missing, detail: record.detail ?? '' });
        }
        if (missing > 0 && !isRestoration) {
          report(previous.sequence + 1, 'missing', `${missing} records before ${row.sequence}`);
        }
        if (fault !== undefined) report(row.sequence, 'altered', fault);
        if (record?.action === BROKEN) report(row.sequence, 'missing', record.detail ?? 'found at a start');
        previous = row;
        records += 1;
      }
      if (previous.sequence >= end.sequence) break;
      await nextTurn();
    }
    if (previous.sequence < end.sequence) {
      report(previous.sequence + 1, 'missing', `the end, up to ${end.sequence}`);
    }
    if (expectedEnd !== undefined && this.#chain.unseal(expectedEnd) === undefined) {
      report(end.sequence, 'anchor', 'the newest link outside of the store was not written by the sidecar');
    }
    const head = previous.sequence === 0 ? null : { sequence: previous.sequence, hash: previous.hash };
    return { ok: faults.length === 0, records, head, faults, restorations };
  }

  /**
   * Removes what is older than a time or beyond a number, leaving a record of where the chain now begins.
   * @param options.dryRun only counts what would be removed.
   */
  async trim(beforeMs: number, keep: number, options: TrimOptions = {}): Promise<Tally> {
    const { store, writer } = this.#needs;
    const tally = new Tally();
    // Each trimming adds a record; without an end set beforehand it would go on for ever, one by one.
    const which = { beforeMs, surplus: this.#head.sequence - keep };
    let reached = 0;
    for (;;) {
      options.signal?.throwIfAborted();
      const rows = store.toForget(reached, which, TRIM_ROWS);
      const last = rows.at(-1);
      // One alone is not worth the record that its removal takes.
      if (last === undefined || last.sequence <= this.#beginning().sequence + 1) return tally;
      if (last.sequence === this.#head.sequence) return tally;
      if (!options.dryRun) {
        await writer.writeBeside((transaction) => {
          store.removeUpTo(transaction, last.sequence);
          this.append(transaction, { action: TRIMMED, target: `${last.sequence}`, detail: last.hash });
        });
        this.#began = last;
      }
      tally.remove({ count: rows.length, bytes: rows.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0) });
      reached = last.sequence;
      await nextTurn();
    }
  }

  /** {@link trim} as one kind of a clean-up. */
  sweep({ retentionMs, maxRecords }: { readonly retentionMs: number; readonly maxRecords: number }): Sweep {
    return {
      kind: 'audit',
      run: ({ nowMs, dryRun, signal }) => this.trim(nowMs - retentionMs, maxRecords, { dryRun, signal }),
    };
  }

  /** Writes what was counted and the newest link. */
  async close(): Promise<void> {
    await this.#writeCounted();
    this.#timer?.cancel();
    await this.#anchorWhenOnDisk();
  }

  /** Where the chain begins: at its genesis, or behind what retention has removed. */
  #beginning(): ChainLink {
    this.#began ??= this.#findBeginning();
    return this.#began;
  }

  #findBeginning(): ChainLink {
    // Nothing was removed; looking for a record of that would read all of them.
    if (this.#needs.store.find(GENESIS.sequence + 1)) return GENESIS;
    const record = readRecord(this.#needs.store.newestOf(TRIMMED)?.body ?? '');
    return record?.target == null ? GENESIS : { sequence: Number(record.target), hash: record.detail ?? '' };
  }

  #faultOf({ sequence, atMs, body, hash }: AuditRow, previous: string): string | undefined {
    const record = readRecord(body);
    if (hash !== this.#chain.link(previous, body)) return 'it does not follow from the record before';
    const isItself = record?.sequence === sequence && Date.parse(record.at) === atMs;
    return isItself ? undefined : 'its place or time is not the one it was written with';
  }

  #writeSoon(): void {
    // Serves many callers, so it is no part of the call that comes first.
    this.#timer ??= inCall(undefined, () =>
      this.#needs.clock.after(WRITE_MS, () => {
        this.#timer = undefined;
        void this.#writeCounted().then(() => this.#anchorWhenOnDisk());
      }),
    );
  }

  async #writeCounted(): Promise<void> {
    const counted = [...this.#counted.values()];
    this.#counted.clear();
    if (counted.length === 0) return;
    await this.#needs.writer
      .write((transaction) => {
        for (const { deed, count } of counted) this.append(transaction, { ...deed, count });
      })
      .catch((cause: unknown) => this.#needs.logger.error({ err: cause }, 'audit records could not be written'));
  }

  /** An anchor of a record that a power cut takes back would tell of a log that was cut off. */
  async #anchorWhenOnDisk(): Promise<void> {
    const head = this.#head;
    try {
      await this.#needs.writer.flush();
      this.#anchor(head);
    } catch (cause) {
      this.#needs.logger.error({ err: cause }, 'the end of the audit log could not be noted');
    }
  }

  #anchor(head = this.#head): void {
    try {
      replaceSecretFile(this.#needs.anchorFile, this.#chain.seal(head), this.#needs.clock.nowMs());
    } catch (cause) {
      this.#needs.logger.error({ err: cause }, 'the end of the audit log could not be noted');
    }
  }
}

/** What is wrong with the end of the store’s records, as the link outside of it says; undefined when nothing is. */
function faultOfAnchor(head: ChainLink, anchored: ChainLink | undefined, store: AuditStore): string | undefined {
  if (anchored === undefined) {
    return head.sequence > 0
      ? 'the newest link outside of the store is gone or was not written by the sidecar'
      : undefined;
  }
  if (anchored.sequence > head.sequence) {
    return `records ${head.sequence + 1} to ${anchored.sequence} were removed from the end`;
  }
  const row = store.find(anchored.sequence);
  return anchored.sequence === 0 || row?.hash === anchored.hash
    ? undefined
    : `record ${anchored.sequence} is not the one that was written`;
}
