import { LRUCache } from 'lru-cache';
import type { AgentContext } from '@orchestration-sidecar/shared';

interface Entry {
  readonly scope: string;
  /** What was asked, whatever it was answered from: an answer from a newer state takes the place of the one before. */
  readonly question: string;
  readonly context: AgentContext;
  readonly bytes: number;
}

/**
 * Contexts by what they depend on, least recently used out first, bounded by bytes. A state does not come back, so of each
 * question only the newest answer is kept.
 */
export class MemoryCache {
  readonly #entries: LRUCache<string, Entry> | null;
  readonly #newest = new Map<string, string>();
  #hits = 0;
  #misses = 0;

  constructor(maxBytes: number) {
    this.#entries =
      maxBytes < 1
        ? null
        : new LRUCache({
            maxSize: maxBytes,
            sizeCalculation: ({ bytes }) => Math.max(1, bytes),
            dispose: ({ question }, key) => {
              if (this.#newest.get(question) === key) this.#newest.delete(question);
            },
          });
  }

  get(key: string): AgentContext | undefined {
    return this.#entries?.get(key)?.context;
  }

  /** Keeps an answer; answers the key of the one whose place it takes. */
  set(key: string, entry: Entry): string | undefined {
    if (this.#entries === null) return undefined;
    const before = this.#newest.get(entry.question);
    this.#entries.set(key, entry);
    // One that is larger than the bound is not kept.
    if (this.#entries.has(key)) this.#newest.set(entry.question, key);
    if (before === undefined || before === key) return undefined;
    this.#entries.delete(before);
    return before;
  }

  /** Counts an answer. */
  count(hit: boolean): void {
    if (hit) this.#hits++;
    else this.#misses++;
  }

  /** Forgets a scope; answers the keys it had. */
  clear(scope: string): string[] {
    const keys = [...(this.#entries?.entries() ?? [])].filter(([, entry]) => entry.scope === scope).map(([key]) => key);
    for (const key of keys) this.#entries?.delete(key);
    return keys;
  }

  stats(): { entries: number; bytes: number; hits: number; misses: number } {
    return {
      entries: this.#entries?.size ?? 0,
      bytes: this.#entries?.calculatedSize ?? 0,
      hits: this.#hits,
      misses: this.#misses,
    };
  }
}
