import type {
  AgentContext,
  ContextFile,
  ContextMetadata,
  ContextTask,
  GitContext,
  OmittedFile,
  PreviousOutput,
  ProjectStructure,
} from '@orchestration-sidecar/shared';
import { Budget } from './budget.ts';
import type { Priority } from './select.ts';
import { shortenFile, type Strategy } from './shorten/shorten.ts';

/** A file that wants to be in the answer. */
export interface Candidate {
  readonly path: string;
  readonly priority: Priority;
  readonly size: number;
  readonly score: number;
  /** Reads it now; null when it is gone, or no text after all. */
  read(): Promise<ContextFile | null>;
  /** How much the lines `from … to` (0-based, inclusive) of its content say about the task. */
  scoreLines(content: string): (from: number, to: number) => number;
}

/** Everything gathered, before it is cut to size. Candidates come in the order in which the budget is spent. */
export interface Gathered {
  readonly issue_id: string;
  readonly agent_type: string;
  readonly timestamp: string;
  readonly task: ContextTask;
  readonly structure: ProjectStructure;
  readonly git: GitContext;
  readonly previous: readonly PreviousOutput[];
  readonly metadata: ContextMetadata;
  readonly candidates: readonly Candidate[];
  readonly omitted: readonly OmittedFile[];
}

/** Share of the budget that each list beside the files may take at most. */
const SHARES = {
  previous: 0.25,
  changes: 0.03,
  commits: 0.07,
  dependencies: 0.03,
  directories: 0.03,
  files: 0.12,
  omitted: 0.04,
};
/** Share of what is left that one file may take before it is shortened. */
const FILE_SHARE = 0.4;
const MAX_OMITTED = 200;
/** Files in a row that did not fit, after which the rest is not tried. */
const MAX_REFUSED = 40;
/** Less than this of a file helps nobody. */
const MIN_FILE_BYTES = 300;

/**
 * Builds the answer within the budget, in the specification’s order: the task, earlier decisions, the files that the
 * task is about, recent ones, tests, configuration, documentation, the rest. Neither bound is ever exceeded.
 */
export async function fitToBudget(
  gathered: Gathered,
  bounds: { readonly maxBytes: number; readonly maxTokens?: number | undefined },
  countTokens: ((text: string) => number) | null,
  signal: AbortSignal,
): Promise<AgentContext> {
  let answer = await fill(gathered, new Budget(bounds, countTokens), signal);
  const { maxBytes, maxTokens } = bounds;
  if (maxTokens === undefined || countTokens === null) return answer;
  // Bytes add up exactly; tokens of a whole may be a few more than those of its parts. Then once more, smaller.
  for (let shrink = 0.9; countTokens(JSON.stringify(answer)) > maxTokens && shrink > 0.05; shrink -= 0.2) {
    const smaller = { maxBytes, maxTokens: Math.floor(maxTokens * shrink) };
    answer = await fill(gathered, new Budget(smaller, countTokens), signal);
  }
  return answer;
}

async function fill(gathered: Gathered, budget: Budget, signal: AbortSignal): Promise<AgentContext> {
  const cut = new Set<Strategy>();
  const answer = emptyAnswer(gathered);
  const { context } = answer;
  if (!budget.part(1).holds(answer)) {
    context.project_structure.root = '';
    cut.add('list_cut');
  }
  budget.spend(answer);
  for (const field of ['title', 'task', 'body'] as const) {
    const text = gathered.task[field];
    if (text === null) continue;
    const kept = budget.clip(text);
    context.task[field] = kept;
    if (kept !== text) cut.add('task_cut');
  }
  const take = <T>(items: readonly T[], share: number, into: T[]): void => {
    if (budget.takeList(items, share, into)) cut.add('list_cut');
  };
  take(gathered.previous, SHARES.previous, context.previous_agent_outputs);
  take(gathered.git.uncommitted_changes, SHARES.changes, context.git_context.uncommitted_changes);
  take(gathered.git.recent_commits, SHARES.commits, context.git_context.recent_commits);
  take(gathered.metadata.dependencies, SHARES.dependencies, context.metadata.dependencies);
  take(gathered.structure.directories, SHARES.directories, context.project_structure.directories);
  take(gathered.structure.files, SHARES.files, context.project_structure.files);

  const leftOut: OmittedFile[] = [...gathered.omitted];
  const reserve = budget.reserve(SHARES.omitted);
  const taken: ContextFile[] = [];
  let refused = 0;
  for (const candidate of gathered.candidates) {
    signal.throwIfAborted();
    const room = budget.part(FILE_SHARE);
    const tried = refused < MAX_REFUSED && room.bytes >= MIN_FILE_BYTES ? await candidate.read() : undefined;
    if (tried === null) continue;
    const fitted = tried && (await shortenFile(tried, room, candidate.scoreLines(tried.content), cut));
    if (fitted === undefined || fitted === null) {
      refused++;
      leftOut.push({ path: candidate.path, size: candidate.size, reason: 'budget' });
      cut.add('priority_selection');
      continue;
    }
    refused = 0;
    taken.push(fitted);
    budget.spend(fitted);
  }
  context.relevant_files = taken.toSorted((a, b) => b.score - a.score);
  budget.release(reserve);
  budget.takeList(leftOut.slice(0, MAX_OMITTED), 1, answer.omitted_files);
  answer.omitted_count = leftOut.length;
  answer.file_count = taken.length;
  answer.total_size_bytes = taken.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0);
  answer.truncated = cut.size > 0 || taken.some(({ truncated }) => truncated);
  answer.truncation_strategy = cut.size > 0 ? [...cut].join('+') : 'none';
  return answer;
}

/** The answer’s frame, with numbers and the strategy at their longest, so that filling them in costs nothing. */
function emptyAnswer({ issue_id, agent_type, timestamp, structure, git, metadata }: Gathered): AgentContext {
  return {
    issue_id,
    agent_type,
    context: {
      task: { title: '', body: '', task: null },
      project_structure: { ...structure, files: [], directories: [] },
      relevant_files: [],
      git_context: { ...git, recent_commits: [], uncommitted_changes: [] },
      previous_agent_outputs: [],
      metadata: { ...metadata, dependencies: [] },
    },
    omitted_files: [],
    omitted_count: 999_999,
    truncated: false,
    truncation_strategy:
      'task_cut+list_cut+priority_selection+semantic_chunking+compression+file_sampling+summarization',
    total_size_bytes: 99_999_999,
    file_count: 999_999,
    cache_hit: false,
    timestamp,
  };
}
