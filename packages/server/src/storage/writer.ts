import type Sqlite from 'better-sqlite3';
import { SidecarError } from '@orchestration-sidecar/shared';
import { currentCall, inCall, type CallContext } from '../telemetry/call-context.ts';
import { diskFault } from '../runtime/disk-fault.ts';
import type { Database } from './database.ts';

/** What a write job may use while its transaction runs. */
export interface Transaction {
  readonly database: Database;
  /** Runs after the commit and before the job’s promise resolves: store, then tell (DECISIONS 4). */
  afterCommit(tell: () => void): void;
  /** Runs when the transaction is undone, to take back what was prepared in memory. */
  afterRollback(undo: () => void): void;
}

/** What became of one transaction. Times are milliseconds. */
export interface CommitReport {
  /** How long each of its jobs waited before the transaction began. */
  readonly waitsMs: readonly number[];
  /** From its beginning until it was on disk; {@link Writer.writeBeside}: until it was handed to the system. */
  readonly durationMs: number;
  /** In whose name its jobs were done; undefined: nobody’s. */
  readonly calls: readonly (CallContext | undefined)[];
  /** When it began, by the clock of `performance.now()`. */
  readonly startedMs: number;
  /** Whether it was committed; otherwise the disk refused it, or one of its jobs, which is then the only one told of. */
  readonly committed: boolean;
}

interface Job {
  /** In whose name it is done. */
  readonly call: CallContext | undefined;
  readonly arrivedMs: number;
  /** Does the work; answers what settles the caller once it is committed. */
  readonly run: (transaction: Transaction) => () => void;
  readonly reject: (cause: unknown) => void;
  /** Whether the disk may be waited for beside the event loop. */
  readonly beside: boolean;
}

/** Jobs committed together at most; bounds how long one transaction holds the event loop. */
const MAX_BATCH_JOBS = 512;

/**
 * The one writer. Jobs that arrive while the event loop is busy, a running commit included, are committed
 * together as the next transaction (group commit), so that one fsync serves many callers.
 *
 * A job checks first and writes then. When it throws before writing anything, the others are untouched; when it
 * throws after, the transaction is undone and run again without it. Jobs must therefore change nothing but the
 * database and what they hand to {@link Transaction.afterCommit}.
 */
export class Writer {
  readonly #database: Database;
  readonly #begin: Sqlite.Statement;
  readonly #commit: Sqlite.Statement;
  readonly #rollback: Sqlite.Statement;
  readonly #changes: Sqlite.Statement<[], number>;
  #waiting: Job[] = [];
  #scheduled = false;
  #closed = false;
  /** Whether commits of the connection wait for the disk now. */
  #waits = true;
  readonly #onCommit: (report: CommitReport) => void;
  readonly #onFault: (cause: unknown) => void;

  /**
   * @param onCommit told of every transaction that was tried with its last set of jobs; must not throw.
   * @param onFault told what a job’s {@link Transaction.afterCommit} threw; must not throw. Default: it ends the process.
   */
  constructor(
    database: Database,
    onCommit: (report: CommitReport) => void = () => {},
    onFault: (cause: unknown) => void = throwLater,
  ) {
    this.#database = database;
    this.#onCommit = onCommit;
    this.#onFault = onFault;
    const { driver } = database;
    this.#begin = driver.prepare('begin immediate');
    this.#commit = driver.prepare('commit');
    this.#rollback = driver.prepare('rollback');
    this.#changes = driver.prepare<[], number>('select total_changes()').pluck();
  }

  /** Jobs that wait for a commit. */
  get depth(): number {
    return this.#waiting.length;
  }

  /** How long the job that has waited longest waits, in milliseconds; 0 when none does. */
  get oldestWaitMs(): number {
    const oldest = this.#waiting[0];
    return oldest ? performance.now() - oldest.arrivedMs : 0;
  }

  /**
   * Runs a job in the next transaction; resolves with its value once that is on disk.
   * @throws what the job throws; {@link SidecarError} `STORAGE_UNAVAILABLE` when the disk refuses,
   * `SHUTTING_DOWN` after {@link close}.
   */
  write<T>(run: (transaction: Transaction) => T): Promise<T> {
    return this.#add(run, false);
  }

  /**
   * As {@link write}, for what nobody waits for and is done again where it is lost, such as removing what is old. A
   * transaction of such jobs alone keeps the event loop from turning for as long as it computes; the disk is waited for
   * beside it. What the job hands to {@link Transaction.afterCommit} runs before that: a power cut may undo what it tells.
   */
  writeBeside<T>(run: (transaction: Transaction) => T): Promise<T> {
    return this.#add(run, true);
  }

  /** Resolves when all that was committed is on disk, what was written beside it too. */
  flush(): Promise<void> {
    return this.#database.flush();
  }

  #add<T>(run: (transaction: Transaction) => T, beside: boolean): Promise<T> {
    if (this.#closed) return Promise.reject(new SidecarError('SHUTTING_DOWN'));
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({
        call: currentCall(),
        arrivedMs: performance.now(),
        run(transaction) {
          const value = run(transaction);
          return () => resolve(value);
        },
        reject,
        beside,
      });
      if (!this.#scheduled) {
        this.#scheduled = true;
        // Serves many callers, so it is no part of the call that comes first.
        inCall(undefined, () => setImmediate(() => this.#flush()));
      }
    });
  }

  /** Commits what waits and refuses what comes later. */
  close(): void {
    while (this.#waiting.length > 0) this.#flush();
    this.#closed = true;
  }

  #flush(): void {
    const batch = this.#waiting.splice(0, MAX_BATCH_JOBS);
    this.#scheduled = this.#waiting.length > 0;
    if (this.#scheduled) setImmediate(() => this.#flush());
    let jobs = batch;
    while (jobs.length > 0) {
      const failed = this.#attempt(jobs);
      if (!failed) return;
      jobs = jobs.filter((job) => job !== failed);
    }
  }

  /** Runs the jobs as one transaction; answers the job that has to be left out of the next attempt. */
  #attempt(jobs: readonly Job[]): Job | undefined {
    const tell: (() => void)[] = [];
    const undo: (() => void)[] = [];
    const settle: (() => void)[] = [];
    const transaction: Transaction = {
      database: this.#database,
      afterCommit: (call) => void tell.push(call),
      afterRollback: (call) => void undo.push(call),
    };
    const startedMs = performance.now();
    const report = (committed: boolean, told = jobs): void => {
      const waitsMs = told.map((job) => startedMs - job.arrivedMs);
      const calls = told.map(({ call }) => call);
      this.#onCommit({ waitsMs, calls, startedMs, durationMs: performance.now() - startedMs, committed });
    };
    const beside = jobs.every((job) => job.beside);
    let changed = false;
    try {
      this.#waitForDisk(!beside);
      const before = this.#changes.get();
      this.#begin.run();
      for (const job of jobs) {
        const beforeJob = this.#changes.get();
        const [told, undone] = [tell.length, undo.length];
        try {
          settle.push(inCall(job.call, () => job.run(transaction)));
        } catch (cause) {
          const fault = diskFault(cause);
          if (fault) report(false, [job]);
          job.reject(fault ?? cause);
          // Some failures of the disk make SQLite undo the whole transaction by itself: going on would commit each job alone.
          if (this.#database.driver.inTransaction && this.#changes.get() === beforeJob) {
            tell.length = told;
            for (const call of undo.splice(undone).toReversed()) call();
            continue;
          }
          this.#undo(undo);
          return job;
        }
      }
      this.#commit.run();
      changed = this.#changes.get() !== before;
    } catch (cause) {
      this.#undo(undo);
      report(false);
      refuse(jobs, cause);
      return undefined;
    }
    report(true);
    for (const call of tell) {
      // What all of them wrote is on disk: a fault in telling of one must not leave the others untold and unanswered.
      try {
        call();
      } catch (cause) {
        this.#onFault(cause);
      }
    }
    const settleAll = (): void => {
      for (const call of settle) call();
    };
    const failed = (cause: unknown): void =>
      refuse(jobs, new SidecarError('STORAGE_UNAVAILABLE', undefined, { cause }));
    if (beside && changed) this.#database.flush().then(settleAll, failed);
    else settleAll();
    return undefined;
  }

  #waitForDisk(waits: boolean): void {
    if (this.#waits === waits) return;
    this.#database.waitForDisk(waits);
    this.#waits = waits;
  }

  #undo(undo: readonly (() => void)[]): void {
    if (this.#database.driver.inTransaction) this.#rollback.run();
    for (const call of undo.toReversed()) call();
  }
}

function refuse(jobs: readonly Job[], cause: unknown): void {
  for (const job of jobs) job.reject(diskFault(cause) ?? cause);
}

function throwLater(cause: unknown): void {
  setImmediate(() => {
    throw cause;
  });
}
