import { createHash } from 'node:crypto';
import { LIMITS, SidecarError } from '@orchestration-sidecar/shared';
import type Sqlite from 'better-sqlite3';
import type { Database } from './database.ts';
import { readStored } from './stored-json.ts';
import type { Transaction } from './writer.ts';

/** How long a first outcome is remembered. */
const KEEP_MS = 24 * 60 * 60 * 1000;
/** Publications and settlements of one project whose outcomes are remembered, however young they are. */
const MAX_PUBLICATIONS = 1_000_000;
/** What comes in such numbers that a day of it is too much, and for how many of {@link MAX_PUBLICATIONS} it counts. */
const WEIGHTS = new Map([
  ['events.publish', 1],
  ['consumers.ack', 1],
  ['consumers.nack', 1],
  ['events.publishMany', LIMITS.maxBatchEvents],
]);
/** Rows looked at in one go: a few milliseconds of the event loop. */
const MAX_LOOKED_AT = 20_000;
/** Rows taken away in one go by what they count: a row of a batch is as large as many others. */
const MAX_FORGOTTEN_WEIGHT = 2000;

/** A request that carries an idempotency key. */
export interface KeyedRequest {
  /** Scope of the key: in which project, and who calls, as `<project>/<caller>`. */
  readonly caller: string;
  readonly procedure: string;
  readonly key: string;
  /** The request without its key; the same key must come with the same request. */
  readonly request: unknown;
  readonly nowMs: number;
}

/**
 * Does the work once per key: the first request does it and its outcome is remembered in the same transaction,
 * later ones get that outcome (DECISIONS 15). A request without a key is always the first.
 * @throws {SidecarError} `IDEMPOTENCY_CONFLICT` when the key came with another request.
 */
export function once<T>(transaction: Transaction, keyed: KeyedRequest | undefined, work: () => T): T {
  if (!keyed) return work();
  const { find, put } = statementsOf(transaction.database);
  const { caller, procedure, key, nowMs } = keyed;
  const requestHash = hashOf(keyed.request);
  const row = find.get(caller, procedure, key);
  if (row && row.expires_at_ms > nowMs) {
    if (row.request_hash !== requestHash) throw new SidecarError('IDEMPOTENCY_CONFLICT');
    return readStored<T>(row.answer);
  }
  const answer = work();
  put.run(caller, procedure, key, requestHash, JSON.stringify(answer), nowMs + KEEP_MS);
  if (!row) count(transaction, caller, WEIGHTS.get(procedure) ?? 0);
  return answer;
}

/** Forgets at most `limit` outcomes that are older than a day; answers how many. */
export function forgetOutcomes(transaction: Transaction, nowMs: number, limit: number): number {
  const forgotten = statementsOf(transaction.database).forget.all(nowMs, limit);
  for (const { caller, procedure } of forgotten) count(transaction, caller, -(WEIGHTS.get(procedure) ?? 0));
  return forgotten.length;
}

/**
 * Forgets the oldest outcomes of projects that have too many of publications, some at a time.
 * @returns whether there may be more to do.
 */
export function trimOutcomes(transaction: Transaction, maxPublications = MAX_PUBLICATIONS): boolean {
  const { publications, newest, between, remove } = statementsOf(transaction.database);
  const newestRow = newest.get() ?? 0;
  for (const [project, kept] of publications) {
    let surplus = Math.min(kept.weight - maxPublications, MAX_FORGOTTEN_WEIGHT);
    if (surplus <= 0) continue;
    const passed = kept.passedRow;
    transaction.afterRollback(() => {
      kept.passedRow = passed;
    });
    kept.passedRow = Math.min(passed + MAX_LOOKED_AT, newestRow);
    for (const { row, caller, procedure } of between.all(passed, kept.passedRow, `${project}/`, `${project}0`)) {
      const weight = WEIGHTS.get(procedure) ?? 0;
      if (weight > 0) remove.run(row);
      count(transaction, caller, -weight);
      surplus -= weight;
      if (surplus <= 0) {
        kept.passedRow = row;
        break;
      }
    }
    if (kept.passedRow < newestRow) return true;
    // A key that was used again after its day is where it was: from the beginning, next time.
    kept.passedRow = 0;
  }
  return false;
}

/** What is remembered of a project’s publications. */
interface Kept {
  /** How many, by {@link WEIGHTS}. */
  weight: number;
  /** Row up to which the oldest have been forgotten. */
  passedRow: number;
}

/** Takes note of how much is remembered of a project’s publications. */
function count(transaction: Transaction, caller: string, weight: number): void {
  if (weight === 0) return;
  const { publications } = statementsOf(transaction.database);
  const project = projectOf(caller);
  const kept = publications.get(project) ?? { weight: 0, passedRow: 0 };
  publications.set(project, kept);
  kept.weight += weight;
  transaction.afterRollback(() => {
    kept.weight -= weight;
  });
}

/** Hash of a JSON value that does not depend on the order of keys (after RFC 8785). */
function hashOf(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(value)) ?? 'undefined')
    .digest('base64url');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}

/** Whose outcome of what. */
interface Outcome {
  readonly caller: string;
  readonly procedure: string;
}

interface Statements {
  readonly find: Sqlite.Statement<
    [caller: string, procedure: string, key: string],
    { request_hash: string; answer: string; expires_at_ms: number }
  >;
  readonly put: Sqlite.Statement<
    [caller: string, procedure: string, key: string, requestHash: string, answer: string, expiresAtMs: number]
  >;
  readonly forget: Sqlite.Statement<[nowMs: number, limit: number], Outcome>;
  readonly newest: Sqlite.Statement<[], number | null>;
  readonly between: Sqlite.Statement<
    [after: number, last: number, firstCaller: string, beyondCaller: string],
    Outcome & { row: number }
  >;
  readonly remove: Sqlite.Statement<[row: number]>;
  /** By project. */
  readonly publications: Map<string, Kept>;
}

const prepared = new WeakMap<Database, Statements>();

/** Prepared once for each store: every publication of an SDK client carries a key. */
function statementsOf(database: Database): Statements {
  const known = prepared.get(database);
  if (known) return known;
  const { driver } = database;
  const statements: Statements = {
    find: driver.prepare(
      'select request_hash, answer, expires_at_ms from idempotency where caller = ? and procedure = ? and key = ?',
    ),
    put: driver.prepare(
      `insert into idempotency (caller, procedure, key, request_hash, answer, expires_at_ms) values (?, ?, ?, ?, ?, ?)
       on conflict do update set request_hash = excluded.request_hash, answer = excluded.answer,
       expires_at_ms = excluded.expires_at_ms`,
    ),
    forget: driver.prepare(
      `delete from idempotency where rowid in (select rowid from idempotency where expires_at_ms <= ? limit ?)
       returning caller, procedure`,
    ),
    newest: driver.prepare<[], number | null>('select max(rowid) from idempotency').pluck(),
    // Rows are in the order of their coming; by the index of callers the oldest would have to be looked for among all.
    between: driver.prepare(
      `select rowid as row, caller, procedure from idempotency not indexed
       where rowid > ? and rowid <= ? and caller >= ? and caller < ? order by rowid`,
    ),
    remove: driver.prepare('delete from idempotency where rowid = ?'),
    publications: publicationsIn(database),
  };
  prepared.set(database, statements);
  return statements;
}

/** Counts, once, what was remembered before: by caller, as the primary key has them, which is ten times as fast as by project. */
function publicationsIn({ driver }: Database): Map<string, Kept> {
  const publications = new Map<string, Kept>();
  const rows = driver
    .prepare<[], Outcome & { rows: number }>(
      'select caller, procedure, count(*) as rows from idempotency group by caller, procedure',
    )
    .all();
  for (const { caller, procedure, rows: number } of rows) {
    const project = projectOf(caller);
    const kept = publications.get(project) ?? { weight: 0, passedRow: 0 };
    kept.weight += number * (WEIGHTS.get(procedure) ?? 0);
    publications.set(project, kept);
  }
  return publications;
}

/** See {@link KeyedRequest.caller}. */
function projectOf(caller: string): string {
  return caller.slice(0, caller.indexOf('/'));
}
