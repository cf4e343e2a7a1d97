import { createHash } from 'node:crypto';
import { findRepository, readRepository } from './repository.ts';

/** Largest difference to the last commit that is hashed; beyond, the tree has no known identity. */
const MAX_DIFF_BYTES = 64 * 1024 * 1024;
/** Longest that git may take for one part: a large tree is read whole, and nobody waits for the answer as for a context. */
const TIMEOUT_MS = 120_000;

/**
 * Identity of a working tree: the last commit, what differs from it, and the new files. Two trees of one hash hold the
 * same content. Null where git does not know the tree, or it differs too much.
 */
export async function treeHash(root: string, signal: AbortSignal): Promise<string | null> {
  const repository = await findRepository(root, signal);
  if (!repository?.workTree) return null;
  const read = (...args: string[]) =>
    readRepository(repository, root, args, signal, { maxOutputBytes: MAX_DIFF_BYTES, timeoutMs: TIMEOUT_MS });
  const head = await read('rev-parse', '--verify', '--quiet', 'HEAD');
  if (head.exitCode !== 0) return null;
  const changed = await read('diff', '--no-ext-diff', '--no-textconv', '--binary', '--no-renames', 'HEAD', '--', '.');
  const fresh = await read('ls-files', '--others', '--exclude-standard', '-z', '--', '.');
  const paths = fresh.output
    .toString('utf8')
    .split('\0')
    .filter((path) => path !== '');
  const hashed = paths.length === 0 ? undefined : await read('hash-object', '--no-filters', '--', ...paths);
  if ([changed, fresh, hashed].some((answer) => answer && (answer.exitCode !== 0 || answer.cut))) return null;
  const hash = createHash('sha256').update(head.output).update(changed.output).update(fresh.output);
  return hash.update(hashed?.output ?? '').digest('hex');
}
