import { LRUCache } from 'lru-cache';
import type { AgentContext } from '@orchestration-sidecar/shared';

interface Entry {
  readonly scope: string;
  readonly context: AgentContext;
  readonly bytes: number;
}

/** Contexts by what they depend on, least recently used out first, bounded by bytes. */
export class MemoryCache {
  readonly #entries: LRUCache<string, Entry> | null;
  #hits = 0;
  #misses = 0;

  constructor(maxBytes: number) {
    this.#entries =
      maxBytes < 1 ? null : new LRUCache({ maxSize: maxBytes, sizeCalculation: ({ bytes }) => Math.max(1, bytes) });
  }

  get(key: string): AgentContext | undefined {
    return this.#entries?.get(key)?.context;
  }

  set(key: string, scope: string, context: AgentContext, bytes: number): void {
    this.#entries?.set(key, { scope, context, bytes });
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
