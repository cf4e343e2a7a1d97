import { createHash } from 'node:crypto';
import { formatCursor, type SidecarEvent } from '@orchestration-sidecar/shared';
import { openDataDir } from '../data-dir.ts';
import type { Database } from '../database.ts';
import { lockDirectory } from '../directory-lock.ts';
import { openStore } from '../open-store.ts';
import type { TransferCounts } from './export-store.ts';
import { readTransferLine, TransferError, type TransferLine } from './transfer-line.ts';

/** What to import, and where to. */
export interface ImportRequest {
  /** Data directory; nobody may be running on it. */
  readonly dataDir: string;
  /** Lines of an export. */
  readonly lines: AsyncIterable<string>;
  /** Where repositories lie on this machine, by project id. Default: as in the export. */
  readonly roots: Readonly<Record<string, string>>;
  /** Identity of the store when it is new. */
  readonly newEpoch: string;
  readonly pid: number;
  readonly nowMs: number;
}

/** What an import did. */
export interface Imported {
  /** What was taken in. */
  readonly taken: TransferCounts;
  /** What was there already. */
  readonly known: TransferCounts;
  /** Issues that were being worked on and are `open` now, with nobody driving them. */
  readonly reopened: number;
}

/**
 * Takes an export in, all or nothing. What is there already stays as it is. Events get new positions behind those of
 * their project and are kept as long from now on as they were meant to be. Nothing that is taken in starts work: issues
 * that were running come in as `open`, and workflows do not act on imported events.
 * @throws {DirectoryBusyError} when a sidecar runs on the directory; {TransferError} when the export is not whole.
 */
export async function importStore(
  request: ImportRequest,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Imported> {
  const places = openDataDir(request.dataDir);
  const lock = lockDirectory(places.root, request.pid);
  try {
    const database = openStore(places, request);
    try {
      database.driver.exec('begin immediate');
      try {
        const taking = new Taking(database, request);
        await readAll(request.lines, (line, total) => onProgress(taking.take(line), total));
        const imported = taking.finish();
        database.driver.exec('commit');
        return imported;
      } catch (cause) {
        if (database.driver.inTransaction) database.driver.exec('rollback');
        throw cause;
      }
    } finally {
      database.close();
    }
  } finally {
    lock.release();
  }
}

async function readAll(lines: AsyncIterable<string>, take: (line: TransferLine, total: number) => void): Promise<void> {
  const hash = createHash('sha256');
  let number = 0;
  let total = 0;
  let ended = false;
  for await (const text of lines) {
    if (text === '') continue;
    if (ended) throw new TransferError('The export goes on after its last line.');
    number += 1;
    const line = readTransferLine(text, number);
    if ((number === 1) !== (line.kind === 'export')) {
      throw new TransferError(
        number === 1 ? 'This is no export: its first line does not say so.' : `Line ${number} begins another export.`,
      );
    }
    if (line.kind === 'export') total = Object.values(line.counts).reduce((sum, each) => sum + each, 0);
    if (line.kind === 'end') {
      ended = true;
      if (line.lines !== number - 1 || line.sha256 !== hash.digest('hex')) {
        throw new TransferError('The export is not what it was when it was written: its checksum differs.');
      }
      continue;
    }
    hash.update(`${text}\n`);
    take(line, total);
  }
  if (!ended) throw new TransferError('The export is cut off: its last line is missing.');
}

/** Takes in one line after the other, inside of a transaction. */
class Taking {
  readonly #database: Database;
  readonly #request: ImportRequest;
  readonly #taken = { projects: 0, issues: 0, results: 0, events: 0 };
  readonly #known = { projects: 0, issues: 0, results: 0, events: 0 };
  readonly #heads = new Map<string, number>();
  #reopened = 0;
  readonly #statements;

  constructor(database: Database, request: ImportRequest) {
    this.#database = database;
    this.#request = request;
    const { driver } = database;
    this.#statements = {
      project: driver.prepare(
        'insert into projects (project_id, root, created_at_ms) values (?, ?, ?) on conflict do nothing',
      ),
      projectOfRoot: driver.prepare<[string], string>('select project_id from projects where root = ?').pluck(),
      issue: driver.prepare(
        `insert into issues (project_id, issue_id, title, body, status, workflow, progress, created_at_ms, updated_at_ms)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
      ),
      result: driver.prepare(
        `insert into results (result_id, project_id, issue_id, agent_id, agent_type, status, body, timestamp_ms, stored_at_ms)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
      ),
      event: driver.prepare(
        `insert into events (project_id, sequence, event_id, event_type, topic, accepted_at_ms, expires_at_ms, body)
         values (?, ?, ?, ?, ?, ?, ?, ?)`,
      ),
      hasEvent: driver.prepare('select 1 from events where event_id = ?'),
      head: driver
        .prepare<[string, string], number>(
          `select max(coalesce((select max(sequence) from events where project_id = ?), 0),
             coalesce((select head_sequence from log_positions where project_id = ?), 0))`,
        )
        .pluck(),
      cursor: driver.prepare(
        `insert into workflow_cursors (project_id, sequence) values (?, ?)
         on conflict do update set sequence = excluded.sequence`,
      ),
    };
  }

  /** Answers how many records have been looked at. */
  take(line: TransferLine): number {
    switch (line.kind) {
      case 'project':
        this.#project(line);
        break;
      case 'issue':
        this.#issue(line);
        break;
      case 'result': {
        const { changes } = this.#statements.result.run(
          line.id,
          line.project_id,
          line.issue_id,
          line.agent_id,
          line.agent_type,
          line.result.status,
          JSON.stringify(line.result),
          Date.parse(line.timestamp),
          Date.parse(line.stored_at),
        );
        this.#count('results', changes);
        break;
      }
      case 'event':
        this.#event(line.event);
        break;
      case 'export':
      case 'end':
    }
    return [this.#taken, this.#known].flatMap((counts) => Object.values(counts)).reduce((sum, each) => sum + each, 0);
  }

  finish(): Imported {
    for (const [projectId, sequence] of this.#heads) this.#statements.cursor.run(projectId, sequence);
    return { taken: this.#taken, known: this.#known, reopened: this.#reopened };
  }

  #project(line: Extract<TransferLine, { kind: 'project' }>): void {
    const root = this.#request.roots[line.project_id] ?? line.root;
    const other = this.#statements.projectOfRoot.get(root);
    if (other !== undefined && other !== line.project_id) {
      throw new TransferError(`${root} is the project ${other} here. Say where ${line.project_id} lies.`);
    }
    this.#count('projects', this.#statements.project.run(line.project_id, root, Date.parse(line.created_at)).changes);
  }

  #issue(line: Extract<TransferLine, { kind: 'issue' }>): void {
    const wasRunning = line.status === 'running' || line.status === 'paused';
    const { changes } = this.#statements.issue.run(
      line.project_id,
      line.issue_id,
      line.title,
      line.body,
      wasRunning ? 'open' : line.status,
      wasRunning ? null : line.workflow,
      wasRunning || line.progress === null ? null : JSON.stringify(line.progress),
      Date.parse(line.created_at),
      Date.parse(line.updated_at),
    );
    this.#count('issues', changes);
    if (wasRunning) this.#reopened += changes;
  }

  #event(event: SidecarEvent): void {
    if (this.#statements.hasEvent.get(event.event_id)) return this.#count('events', 0);
    const { project_id: projectId } = event;
    const head = this.#heads.get(projectId) ?? this.#statements.head.get(projectId, projectId) ?? 0;
    const sequence = head + 1;
    const cursor = formatCursor({ epoch: this.#database.epoch, sequence });
    this.#statements.event.run(
      projectId,
      sequence,
      event.event_id,
      event.event_type,
      event.topic,
      this.#request.nowMs,
      this.#request.nowMs + event.ttl_seconds * 1000,
      JSON.stringify({ ...event, cursor }),
    );
    this.#heads.set(projectId, sequence);
    this.#count('events', 1);
  }

  #count(what: keyof TransferCounts, changes: number): void {
    if (changes > 0) this.#taken[what] += 1;
    else this.#known[what] += 1;
  }
}
