import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync, mkdirSync, utimesSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * The cache’s lasting part: `<project>/<issue>/<key>.json` under one directory, so that a restart is warm. A file is
 * whole or not there; one that cannot be read is no entry.
 */
export class DiskCache {
  readonly #directory: string;
  readonly #maxBytes: number;

  constructor(directory: string, maxBytes: number) {
    this.#directory = directory;
    this.#maxBytes = maxBytes;
  }

  /** File of an entry; null when nothing is kept. */
  fileOf(scope: string, key: string): string | null {
    return this.#maxBytes < 1 ? null : join(this.#directory, scope, `${key}.json`);
  }

  /** Forgets an entry. What cannot be removed is pruned one day. */
  async forget(scope: string, key: string): Promise<void> {
    const file = this.fileOf(scope, key);
    if (file !== null) await rm(file, { force: true }).catch(() => undefined);
  }

  /** Forgets a scope; answers the keys it had. */
  clear(scope: string): string[] {
    const place = join(this.#directory, scope);
    try {
      const keys = readdirSync(place).filter((name) => name.endsWith('.json'));
      rmSync(place, { recursive: true, force: true });
      return keys.map((name) => name.slice(0, -'.json'.length));
    } catch {
      return [];
    }
  }

  /** Removes the longest unused entries beyond the bound. */
  async prune(): Promise<void> {
    const entries: StoredEntry[] = [];
    for await (const entry of entriesOf(this.#directory)) if (entry.name.endsWith('.json')) entries.push(entry);
    let bytes = 0;
    for (const { path, size } of entries.toSorted((a, b) => b.usedMs - a.usedMs)) {
      bytes += size;
      if (bytes > this.#maxBytes) await rm(path, { force: true }).catch(() => undefined);
    }
  }
}

/** A file of the cache’s lasting part. */
interface StoredEntry {
  /** Path under the cache’s directory. */
  readonly name: string;
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  readonly usedMs: number;
}

/** Files of the cache, drafts of entries among them. None when there is no such directory. */
export async function* entriesOf(directory: string): AsyncGenerator<StoredEntry> {
  for (const name of await readdir(directory, { recursive: true }).catch(() => [])) {
    const path = join(directory, name);
    const stats = await stat(path).catch(() => null);
    if (stats?.isFile()) yield { name, path, size: stats.size, usedMs: stats.mtimeMs };
  }
}

/** Reads an entry and marks it used; null when there is none. */
export function readEntry(file: string, nowMs: number): unknown {
  try {
    const entry: unknown = JSON.parse(readFileSync(file, 'utf8'));
    utimesSync(file, nowMs / 1000, nowMs / 1000);
    return entry;
  } catch {
    return null;
  }
}

/** Writes an entry whole. The cache can do without it, so a failure is none. */
export function writeEntry(file: string, json: string): void {
  const draft = `${file}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(draft, json, { mode: 0o600 });
    renameSync(draft, file);
  } catch {
    rmSync(draft, { force: true });
  }
}
