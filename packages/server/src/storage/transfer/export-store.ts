import { createHash } from 'node:crypto';
import Sqlite from 'better-sqlite3';

/** What is exported, and how much of it there is. */
export interface TransferCounts {
  readonly projects: number;
  readonly issues: number;
  readonly results: number;
  readonly events: number;
}

/** A piece of an export. */
export interface ExportChunk {
  /** Whole lines. */
  readonly text: string;
  /** Records so far, and in all. */
  readonly done: number;
  readonly total: number;
}

/** Records read at a time. */
const PAGE_ROWS = 200;

/**
 * Every record of one kind as JSON, in the shape that the API answers, after a row. SQLite writes the JSON: bodies are
 * JSON already and are put in as they are.
 */
const QUERIES = {
  project: `select rowid as place, json_object('kind', 'project', 'project_id', project_id, 'root', root,
    'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', created_at_ms / 1000.0, 'unixepoch')) as line
    from projects where rowid > ? order by rowid limit ?`,
  issue: `select rowid as place, json_object('kind', 'issue', 'project_id', project_id, 'issue_id', issue_id,
    'title', title, 'body', body, 'status', status, 'workflow', workflow, 'progress', json(progress),
    'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', created_at_ms / 1000.0, 'unixepoch'),
    'updated_at', strftime('%Y-%m-%dT%H:%M:%fZ', updated_at_ms / 1000.0, 'unixepoch')) as line
    from issues where rowid > ? order by rowid limit ?`,
  result: `select rowid as place, json_object('kind', 'result', 'id', result_id, 'project_id', project_id,
    'issue_id', issue_id, 'agent_id', agent_id, 'agent_type', agent_type, 'result', json(body),
    'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', timestamp_ms / 1000.0, 'unixepoch'),
    'stored_at', strftime('%Y-%m-%dT%H:%M:%fZ', stored_at_ms / 1000.0, 'unixepoch')) as line
    from results where rowid > ? order by rowid limit ?`,
  event: `select id as place, json_object('kind', 'event', 'event', json(body)) as line
    from events where id > ? order by id limit ?`,
} as const;

/**
 * Writes projects, issues, results and events as JSON lines: a first line that says what follows, one line each, and a
 * last line with the number of lines and their SHA-256, so that a cut-off file is recognised. One snapshot, also while a
 * sidecar writes. No tokens, keys or agents.
 * @param database file of the store; opened read-only.
 */
export function* exportStore(database: string, version: string, nowMs: number): Generator<ExportChunk, void, void> {
  const driver = new Sqlite(database, { readonly: true, fileMustExist: true });
  try {
    driver.exec('begin');
    const count = (table: string): number =>
      driver.prepare<[], number>(`select count(*) from ${table}`).pluck().get() ?? 0;
    const counts: TransferCounts = {
      projects: count('projects'),
      issues: count('issues'),
      results: count('results'),
      events: count('events'),
    };
    const total = counts.projects + counts.issues + counts.results + counts.events;
    const hash = createHash('sha256');
    let lines = 0;
    const chunk = (written: readonly string[]): ExportChunk => {
      const text = written.map((line) => `${line}\n`).join('');
      hash.update(text);
      lines += written.length;
      return { text, done: lines - 1, total };
    };
    const exportedAt = new Date(nowMs).toISOString();
    yield chunk([JSON.stringify({ kind: 'export', format: 1, version, exported_at: exportedAt, counts })]);
    for (const query of Object.values(QUERIES)) {
      const page = driver.prepare<[number, number], { place: number; line: string }>(query);
      for (let rows = page.all(-1, PAGE_ROWS); rows.length > 0; rows = page.all(rows.at(-1)?.place ?? 0, PAGE_ROWS)) {
        yield chunk(rows.map(({ line }) => line));
      }
    }
    const end = { kind: 'end', lines, sha256: hash.digest('hex') };
    yield { text: `${JSON.stringify(end)}\n`, done: total, total };
  } finally {
    driver.close();
  }
}
