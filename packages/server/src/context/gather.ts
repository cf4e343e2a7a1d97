import type { AgentContext, ContextFile, ContextMetadata, OmittedFile } from '@orchestration-sidecar/shared';
import { isoTime } from '../runtime/clock.ts';
import { COVERAGE_FILES, coverageOf } from './coverage.ts';
import { fitToBudget, type Candidate } from './fit.ts';
import { gitContext } from './git-history.ts';
import { declaresDependencies, dependenciesOf, projectType } from './manifests.ts';
import { previousOutputs } from './previous.ts';
import type { IndexedFile } from './indexed-files.ts';
import { withHistory, type ProjectIndex, type ProjectState, type TreeState } from './project-index.ts';
import { rankFiles, type Ranked } from './ranking/rank.ts';
import { checksumOf, isBinary, readInside } from './read-inside.ts';
import type { GatherTask } from './request.ts';
import { groundsOf, PRIORITIES, priorityOf } from './select.ts';
import { redact } from './redact.ts';
import { lineScorer } from './ranking/passages.ts';
import { readTask } from './task-query.ts';
import { tokenCounter } from './tokens.ts';

/** Files that come in for being relevant to the task; more context is not better. */
const RELEVANT_FILES = 60;
/** The best files come in however weakly the task points at them: an agent that is shown nothing can do nothing. */
const FEWEST_FILES = 5;
/** Weakest score, beside the best file’s, that still counts as relevant. */
const RELEVANT_SCORE = 0.08;
const RECENT_MS = 24 * 60 * 60 * 1000;
/** A commit of more files than this is a sweep. */
const MAX_SWEEP_FILES = 50;
const MAX_FILE_BYTES = 2 * 1024 * 1024;
const MAX_MANIFESTS = 50;
const MAX_DEPENDENCIES = 2000;

/** Gathers the context for a task from a state of the project: rank → select → read → fit. */
export async function gather(
  task: GatherTask,
  project: ProjectIndex,
  tree: TreeState,
  signal: AbortSignal,
): Promise<AgentContext> {
  const files = await project.index(tree, signal);
  const state = await withHistory(tree);
  signal.throwIfAborted();
  const query = readTask(task.issue.title, task.issue.body, task.task);
  const ranked = rankFiles(files, query, state);
  const { candidates, omitted } = select(task, state, ranked, lineScorer(query));
  signal.throwIfAborted();
  const requirements = new Set(task.requirements);
  const countTokens = task.maxTokens === undefined ? null : await tokenCounter();
  return fitToBudget(
    {
      issue_id: task.issue.issue_id,
      agent_type: task.profile.agent_type,
      timestamp: isoTime(task.nowMs),
      task: { title: task.issue.title, body: task.issue.body, task: task.task },
      structure: {
        root: task.project.root,
        files: files.filter(({ withheld }) => withheld !== 'secret').map(({ path }) => path),
        directories: [...state.scan.directories],
        total_files: files.length,
        total_directories: state.scan.directories.length,
      },
      git: gitContext(state.history, state.changes, state.scan.rules, state.withoutGit),
      previous: previousOutputs(task.previous, requirements),
      metadata: metadata(task, state, files),
      candidates,
      omitted,
    },
    { maxBytes: task.maxBytes, maxTokens: task.maxTokens },
    countTokens,
    signal,
  );
}

/** Chooses what the requirements ask for, in the order in which the budget is spent. */
function select(
  task: GatherTask,
  state: ProjectState,
  ranked: readonly Ranked[],
  scoreLines: Candidate['scoreLines'],
): { candidates: Candidate[]; omitted: OmittedFile[] } {
  const requirements = new Set(task.requirements);
  const recent = recentPaths(state, task.nowMs);
  const candidates: (Candidate & { readonly rank: number })[] = [];
  const omitted: OmittedFile[] = [];
  for (const [rank, entry] of ranked.entries()) {
    const { file, score } = entry;
    const relevant = rank < FEWEST_FILES || (rank < RELEVANT_FILES && score >= RELEVANT_SCORE);
    const standing = { relevant, recent: recent.has(file.path) };
    const grounds = groundsOf(file.kind, requirements, standing);
    if (file.withheld === 'secret') {
      omitted.push({ path: file.path, size: file.size, reason: 'secret' });
      continue;
    }
    if (grounds.length === 0) {
      omitted.push({ path: file.path, size: file.size, reason: standing.relevant ? 'not required' : 'less relevant' });
      continue;
    }
    if (file.withheld !== null) {
      omitted.push({ path: file.path, size: file.size, reason: file.withheld });
      continue;
    }
    candidates.push({
      rank,
      path: file.path,
      priority: priorityOf(file.kind, standing),
      size: file.size,
      score,
      scoreLines,
      read: () => readCandidate(state.root, file, score, reasonsOf(entry.parts, grounds, standing.recent)),
    });
  }
  return {
    candidates: candidates.toSorted(
      (a, b) => PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority) || a.rank - b.rank,
    ),
    omitted,
  };
}

async function readCandidate(
  root: string,
  file: IndexedFile,
  score: number,
  reasons: string[],
): Promise<ContextFile | null> {
  const read = readInside(root, file.path, MAX_FILE_BYTES);
  if (read === null || isBinary(read.bytes)) return null;
  const checksum = checksumOf(read.bytes);
  const { text, redactions } = await redact(read.bytes.toString('utf8'), file.path, checksum);
  return {
    path: file.path,
    content: text,
    last_modified: isoTime(Math.trunc(read.mtimeMs)),
    size: read.size,
    language: file.kind.language,
    checksum,
    truncated: read.size > read.bytes.length,
    score: Math.round(score * 10_000) / 10_000,
    reasons: redactions > 0 ? [...reasons, `${redactions} secrets redacted`] : reasons,
  };
}

function reasonsOf(parts: Readonly<Record<string, number>>, grounds: readonly string[], recent: boolean): string[] {
  const scored = Object.entries(parts)
    .filter(([, share]) => share > 0)
    .toSorted(([, a], [, b]) => b - a)
    .map(([part, share]) => `${part} ${share.toFixed(3)}`);
  return [
    ...scored,
    ...grounds.filter((ground) => ground !== 'relevant_files'),
    ...(recent ? ['modified in the last 24 h'] : []),
  ];
}

/**
 * What is changed and not committed, and what commits of the last 24 h touched; without git, by file time. A tree that is
 * new as a whole, the commit that began it, and sweeps say nothing.
 */
function recentPaths(state: ProjectState, nowMs: number): ReadonlySet<string> {
  const { files } = state.scan;
  const some = (paths: readonly string[]): readonly string[] => (paths.length * 2 <= files.length ? paths : []);
  if (state.history === null) {
    return new Set(some(files.filter(({ mtimeMs }) => nowMs - mtimeMs < RECENT_MS).map(({ path }) => path)));
  }
  const commits = state.history.commits
    .slice(0, -1)
    .filter(({ timestamp }) => nowMs - Date.parse(timestamp) < RECENT_MS);
  return new Set([
    ...some(state.changes),
    ...commits.flatMap((commit) => (commit.files.length <= MAX_SWEEP_FILES ? commit.files : [])),
  ]);
}

function metadata(task: GatherTask, state: ProjectState, files: readonly IndexedFile[]): ContextMetadata {
  const manifests = files
    .filter(({ kind: { roles, vendored } }) => roles.has('manifest') && !vendored && !roles.has('test'))
    .filter(({ path }) => declaresDependencies(path))
    .toSorted((a, b) => depth(a.path) - depth(b.path))
    .slice(0, MAX_MANIFESTS);
  const dependencies = new Set<string>();
  for (const { path } of manifests) {
    const text = readInside(state.root, path, MAX_FILE_BYTES)?.bytes.toString('utf8') ?? '';
    for (const name of dependenciesOf(path, text)) dependencies.add(name);
  }
  const languages = new Map<string, number>();
  for (const { kind } of files) {
    if (kind.language !== null && !kind.vendored) languages.set(kind.language, (languages.get(kind.language) ?? 0) + 1);
  }
  return {
    project_type: projectType(
      files.filter(({ path }) => !path.includes('/')).map(({ path }) => path),
      languages,
    ),
    dependencies: [...dependencies].slice(0, MAX_DEPENDENCIES),
    test_coverage: coverage(state.root),
    last_build_status: task.lastBuildStatus,
  };
}

function coverage(root: string): number | null {
  for (const path of COVERAGE_FILES) {
    const read = readInside(root, path, 16 * MAX_FILE_BYTES);
    const share = read && coverageOf(path, read.bytes.toString('utf8'));
    if (share !== null) return share;
  }
  return null;
}

function depth(path: string): number {
  return path.split('/').length - 1;
}
