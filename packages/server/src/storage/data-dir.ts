import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Places inside a data directory (DECISIONS 2). */
export interface DataDir {
  readonly root: string;
  readonly database: string;
  readonly results: string;
  readonly contextCache: string;
  readonly eventLog: string;
  readonly keys: string;
  readonly auditKey: string;
  readonly auditAnchor: string;
  /** What a restore says to the audit log of the next start. */
  readonly auditRestored: string;
  readonly logs: string;
  readonly agents: string;
  readonly backups: string;
  /** There while a restore is under way: one that was interrupted has to be run again. */
  readonly restoring: string;
  readonly operatorToken: string;
  readonly description: string;
  /** Port of the last start, for the next one that may take any. */
  readonly lastPort: string;
}

/** Creates the data directory where it is missing, mode 0700, and names the places in it. */
export function openDataDir(root: string): DataDir {
  const places = dataDirAt(root);
  for (const directory of [
    root,
    places.results,
    places.contextCache,
    join(root, 'events'),
    places.keys,
    places.logs,
    places.agents,
  ]) {
    makeDirectory(directory);
  }
  chmodSync(root, 0o700);
  chmodSync(places.keys, 0o700);
  return places;
}

/** Names the places of a data directory without touching it. */
export function dataDirAt(root: string): DataDir {
  return {
    root,
    database: join(root, 'sidecar.db'),
    results: join(root, 'results'),
    contextCache: join(root, 'context-cache'),
    eventLog: join(root, 'events', 'event-log.jsonl'),
    keys: join(root, 'keys'),
    auditKey: join(root, 'keys', 'audit.key'),
    auditAnchor: join(root, 'keys', 'audit.head'),
    auditRestored: join(root, 'keys', 'audit.restored'),
    logs: join(root, 'logs'),
    agents: join(root, 'agents'),
    operatorToken: join(root, 'operator.token'),
    description: join(root, 'sidecar.json'),
    lastPort: join(root, 'port'),
    backups: join(root, 'backups'),
    restoring: join(root, 'restoring.json'),
  };
}

/** Level by level: Node’s own recursive mode never ends where a file system refuses with "no such file" (as /proc does). */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}
