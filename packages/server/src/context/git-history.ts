import type { Commit, GitContext } from '@orchestration-sidecar/shared';
import type { IgnoreRules } from './ignore-rules.ts';
import { namesSecret, redactLine } from './redact.ts';
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
const MAX_MESSAGE_CHARS = 4000;

/** Where the repository stands, and what is not committed. */
export interface GitStatus {
  readonly head: string | null;
  readonly branch: string | null;
  /** Paths of staged, unstaged and new files, relative to the project, sorted. */
  readonly changes: readonly string[];
  /** Those of them that git does not track. */
  readonly untracked: readonly string[];
}

/**
 * Asks git for head, branch and changes, in one call. Null when git cannot tell.
 * @param paths where changes are looked for, relative to the project. Default: everywhere.
 */
export async function readStatus(
  root: string,
  repository: Repository,
  signal: AbortSignal,
  paths: readonly string[] = ['.'],
): Promise<GitStatus | null> {
  if (repository.workTree === null) return readBareHead(root, repository, signal);
  const args = [
    'status',
    '--porcelain=v2',
    '--branch',
    '-z',
    '--untracked-files=all',
    '--ignore-submodules=all',
    '--no-renames',
    '--',
    ...paths,
  ];
  const { exitCode, output } = await readRepository(repository, root, args, signal, { maxOutputBytes: STATUS_BYTES });
  if (exitCode !== 0) return null;
  const entries = output.toString('utf8').split('\0');
  const header = (name: string): string | undefined =>
    entries.find((entry) => entry.startsWith(`# branch.${name} `))?.slice(`# branch.${name} `.length);
  const [oid, name] = [header('oid'), header('head')];
  const prefix = repository.prefix === '' ? '' : `${repository.prefix}/`;
  const inProject = (paths: readonly string[]): string[] =>
    paths.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  const untracked = inProject(entries.filter((entry) => entry.startsWith('? ')).map((entry) => entry.slice(2)));
  const tracked = inProject(entries.flatMap((entry) => TRACKED_CHANGE.exec(entry)?.[1] ?? []));
  return {
    head: oid === undefined || oid === '(initial)' ? null : oid,
    branch: name === undefined || name === '(detached)' ? null : name,
    changes: [...tracked, ...untracked].toSorted(),
    untracked,
  };
}

/** An ordinary change has eight fields before its path, an unmerged one ten. */
const TRACKED_CHANGE = /^(?:1(?: \S+){7}|u(?: \S+){9}) (.+)$/s;
const STATUS_BYTES = 256 * 1024 * 1024;

async function readBareHead(root: string, repository: Repository, signal: AbortSignal): Promise<GitStatus> {
  const [head, branch] = await Promise.all([
    line(readRepository(repository, root, ['rev-parse', '--verify', '--quiet', 'HEAD'], signal)),
    line(readRepository(repository, root, ['symbolic-ref', '--quiet', '--short', 'HEAD'], signal)),
  ]);
  return { head, branch, changes: [], untracked: [] };
}

/** Reads the newest commits before `head` that touch the project; none before the first commit. */
export async function readCommits(
  root: string,
  repository: Repository,
  head: string | null,
  signal: AbortSignal,
): Promise<Commit[]> {
  if (head === null) return [];
  const args = [
    'log',
    `--max-count=${HISTORY_COMMITS}`,
    '-z',
    '--name-only',
    '--no-renames',
    '--no-ext-diff',
    '--no-textconv',
    '--no-mailmap',
    '--no-decorate',
    '--no-notes',
    '--no-show-signature',
    '--diff-merges=off',
    '--relative',
    '--ignore-submodules=all',
    '--format=tformat:%x01%H%x02%an%x02%cI%x02%B%x02',
    '--end-of-options',
    head,
  ];
  const { output } = await readRepository(repository, root, args, signal, { maxOutputBytes: LOG_BYTES });
  return parseLog(output.toString('utf8'));
}

/** What an answer shows of the repository; names that are hidden, or hold a secret, are not told. */
export function gitContext(
  history: History | null,
  changes: readonly string[],
  rules: IgnoreRules,
  withoutGit: boolean,
): GitContext {
  const told = (path: string): boolean => !rules.hides(path) && !namesSecret(path);
  return {
    branch: history?.branch ?? null,
    head: history?.head ?? null,
    recent_commits: (history?.commits ?? []).slice(0, SHOWN_COMMITS).map((commit) => ({
      ...commit,
      message: redactLine(commit.message.slice(0, MAX_MESSAGE_CHARS)),
      files: commit.files.filter(told).slice(0, MAX_FILES_SHOWN),
    })),
    uncommitted_changes: changes.filter(told),
    unavailable: withoutGit ? 'git could not be asked: it fails, or has failed too often and is left alone' : null,
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
