import { LRUCache } from 'lru-cache';
import type { AgentContext } from '@orchestration-sidecar/shared';

interface Entry {
  readonly scope: string;
  readonly context: AgentContext;
}

/** Contexts by what they depend on, least recently used out first, bounded by bytes. */
export class ContextCache {
  readonly #entries: LRUCache<string, Entry> | null;
  #hits = 0;
  #misses = 0;

  constructor(maxBytes: number) {
    this.#entries =
      maxBytes < 1
        ? null
        : new LRUCache({ maxSize: maxBytes, sizeCalculation: ({ context }) => Math.max(1, Buffer.byteLength(JSON.stringify(context))) });
  }

  get(key: string): AgentContext | undefined {
    const found = this.#entries?.get(key)?.context;
    if (found === undefined) this.#misses++;
    else this.#hits++;
    return found;
  }

  set(key: string, projectId: string, issueId: string, context: AgentContext): void {
    this.#entries?.set(key, { scope: scopeOf(projectId, issueId), context });
  }

  /** Forgets an issue; answers how many entries it had. */
  clear(projectId: string, issueId: string): number {
    const scope = scopeOf(projectId, issueId);
    const keys = [...(this.#entries?.entries() ?? [])].filter(([, entry]) => entry.scope === scope).map(([key]) => key);
    for (const key of keys) this.#entries?.delete(key);
    return keys.length;
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

function scopeOf(projectId: string, issueId: string): string {
  return `${projectId}/${issueId}`;
}
