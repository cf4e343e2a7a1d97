import type { Commit, GitContext } from '@orchestration-sidecar/shared';
import { readRepository, type Repository } from './repository.ts';

/** Commits that ranking learns from: who changed with whom, what was said, how recently. */
export interface History {
  readonly head: string | null;
  readonly branch: string | null;
  /** Newest first; paths are relative to the project. */
  readonly commits: readonly Commit[];
}

/** Commits that are read for ranking. */
export const HISTORY_COMMITS = 3000;
/** Commits that an answer shows. */
export const SHOWN_COMMITS = 20;
const LOG_BYTES = 32 * 1024 * 1024;
/** A commit of more files than this is a sweep: it says nothing about any of them. */
const MAX_FILES_SHOWN = 200;

/**
 * Reads the newest commits that touch the project; none before the first commit. `known` is answered again when the
 * head has not moved.
 */
export async function readHistory(
  root: string,
  repository: Repository,
  signal: AbortSignal,
  known: History | null,
): Promise<History> {
  const [head, branch] = await Promise.all([
    line(readRepository(repository, root, ['rev-parse', '--verify', '--quiet', 'HEAD'], signal)),
    line(readRepository(repository, root, ['symbolic-ref', '--quiet', '--short', 'HEAD'], signal)),
  ]);
  if (head === null) return { head, branch, commits: [] };
  if (known?.head === head) return { ...known, branch };
  const args = [
    'log', `--max-count=${HISTORY_COMMITS}`, '-z', '--name-only', '--no-renames', '--no-ext-diff', '--no-textconv',
    '--no-mailmap', '--no-decorate', '--no-notes', '--no-show-signature', '--diff-merges=off', '--relative',
    '--ignore-submodules=all', '--format=tformat:%x01%H%x02%an%x02%cI%x02%B%x02', 'HEAD',
  ];
  const { output } = await readRepository(repository, root, args, signal, LOG_BYTES);
  return { head, branch, commits: parseLog(output.toString('utf8')) };
}

/** Paths of staged, unstaged and new files, relative to the project. */
export async function readChanges(root: string, repository: Repository, signal: AbortSignal): Promise<string[]> {
  if (repository.workTree === null) return [];
  const args = ['status', '--porcelain=v1', '-z', '--untracked-files=all', '--ignore-submodules=all', '--no-renames', '--', '.'];
  const { exitCode, output } = await readRepository(repository, root, args, signal);
  if (exitCode !== 0) return [];
  const prefix = repository.prefix === '' ? '' : `${repository.prefix}/`;
  return output
    .toString('utf8')
    .split('\0')
    .filter((entry) => entry.length > 3 && entry.slice(3).startsWith(prefix))
    .map((entry) => entry.slice(3 + prefix.length))
    .toSorted();
}

/** What an answer shows of the repository. */
export function gitContext(history: History | null, changes: readonly string[]): GitContext {
  return {
    branch: history?.branch ?? null,
    head: history?.head ?? null,
    recent_commits: (history?.commits ?? []).slice(0, SHOWN_COMMITS).map((commit) => ({
      ...commit,
      files: commit.files.slice(0, MAX_FILES_SHOWN),
    })),
    uncommitted_changes: [...changes],
  };
}

function parseLog(log: string): Commit[] {
  return log
    .split('\u0001')
    .slice(1)
    .flatMap((entry) => {
      const [hash, author, timestamp, message, names] = entry.split('\u0002');
      if (hash === undefined || author === undefined || timestamp === undefined || message === undefined) return [];
      const files = (names ?? '')
        .split('\0')
        .map((name) => name.replace(/^\n/, ''))
        .filter((name) => name !== '');
      return [{ hash, author, timestamp, message: message.trim(), files }];
    });
}

async function line(answer: ReturnType<typeof readRepository>): Promise<string | null> {
  const { exitCode, output } = await answer;
  const text = output.toString('utf8').trim();
  return exitCode === 0 && text !== '' ? text : null;
}
