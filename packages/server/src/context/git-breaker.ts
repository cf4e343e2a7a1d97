import type { CircuitBreaker, CircuitBreakers } from '../runtime/circuit-breakers.ts';
import type { TreeLook } from './context-worker.ts';
import { treeHash } from './tree-hash.ts';

/** Git told nothing of a repository. What was seen without it stands. */
export class GitFailure extends Error {
  override readonly name = 'GitFailure';
  readonly seen: TreeLook;

  constructor(seen: TreeLook) {
    super('git told nothing of the repository');
    this.seen = seen;
  }
}

/** The breaker around git in one project: a repository that is broken costs the others nothing. */
export function gitBreaker(breakers: CircuitBreakers, root: string): CircuitBreaker {
  return breakers.around({ kind: 'git', key: root, isFailure: (cause) => cause instanceof GitFailure });
}

/** As {@link treeHash}, but null while git is left alone. */
export async function treeHashUnlessOpen(
  breakers: CircuitBreakers,
  root: string,
  signal: AbortSignal,
): Promise<string | null> {
  return gitBreaker(breakers, root).refusal() ? null : treeHash(root, signal);
}
