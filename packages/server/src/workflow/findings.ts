import {
  AgentType,
  Finding,
  FINDING_SEVERITIES,
  FindingSeverity,
  type FindingAnswer,
  type Phase,
  type SidecarEvent,
} from '@orchestration-sidecar/shared';
import { jobsOf, type FindingThread, type Job, type Run } from './run.ts';

/** Threads one issue keeps; further findings are counted, and reported again once there is room. */
const MAX_THREADS = 200;
const MAX_MESSAGE_CHARS = 1000;
const MAX_REASON_CHARS = 500;
const MAX_PATH_CHARS = 500;
/** Of a thread in an event, in UTF-16 code units of JSON: well below the largest event even as three-byte letters. */
const MAX_THREAD_CHARS = 128 * 1024;

/**
 * Takes in what a reviewer found in this round. A finding it no longer reports is settled, one it reports again is
 * open again, whatever was answered.
 */
export function recordFindings(run: Run, job: Job, findings: readonly Finding[], resultId: string | null): void {
  job.findings_reported = findings.length;
  const reported = new Set(findings.map(({ id }) => id));
  for (const thread of run.findings) {
    if (thread.from === job.agent_type && thread.phase === job.phase && !reported.has(thread.reported_as)) {
      thread.state = 'settled';
    }
  }
  for (const finding of findings) {
    const known = run.findings.find(
      (thread) => thread.from === job.agent_type && thread.phase === job.phase && thread.reported_as === finding.id,
    );
    const said = {
      severity: finding.severity,
      message: finding.message.slice(0, MAX_MESSAGE_CHARS),
      path: finding.path?.slice(0, MAX_PATH_CHARS) ?? null,
      suggested_agent: finding.suggested_agent ?? null,
      result_id: resultId,
      last_round: run.round,
      state: 'open' as const,
    };
    if (known) Object.assign(known, said);
    else if (run.findings.length >= MAX_THREADS) run.findings_left_out += 1;
    else {
      const taken = run.findings.some(({ id }) => id === finding.id);
      run.findings.push({
        id: taken ? `${job.phase}/${job.agent_type}/${finding.id}` : finding.id,
        reported_as: finding.id,
        phase: job.phase,
        from: job.agent_type,
        first_round: run.round,
        answers: [],
        ...said,
      });
    }
  }
}

/** Takes in how an agent settled its findings; answers the ids it left out. */
export function recordAnswers(run: Run, job: Job, answers: readonly FindingAnswer[]): string[] {
  const byId = new Map(answers.map((answer) => [answer.id, answer]));
  return job.findings.filter((id) => {
    const thread = run.findings.find((it) => it.id === id);
    const said = byId.get(id) ?? (thread && byId.get(thread.reported_as));
    if (!thread || !said) return thread !== undefined;
    thread.state = said.answer;
    const reason = said.reason?.slice(0, MAX_REASON_CHARS) ?? null;
    thread.answers.push({ round: run.round, by: job.agent_type, answer: said.answer, reason });
    return false;
  });
}

/** Findings of a phase that send somebody back, as they stand. */
export function openFindings(run: Run, phase: Phase): FindingThread[] {
  const least = FINDING_SEVERITIES.indexOf(phase.findings_from);
  return run.findings.filter(
    (thread) =>
      thread.phase === phase.name && thread.state === 'open' && FINDING_SEVERITIES.indexOf(thread.severity) >= least,
  );
}

/** The whole thread, as far as an event can carry it: what is not settled first, then the newest. */
export function threadOf(run: Run): FindingThread[] {
  let chars = 0;
  return run.findings
    .toSorted((a, b) => Number(a.state === 'settled') - Number(b.state === 'settled') || b.last_round - a.last_round)
    .filter((thread) => {
      chars += JSON.stringify(thread).length;
      return chars <= MAX_THREAD_CHARS;
    });
}

/** Notes what the checks of this round last saw. */
export function noteCheckedTree(run: Run, treeHash: string | null): void {
  const others = run.checked_trees.filter(({ round }) => round !== run.round);
  run.checked_trees = treeHash === null ? others : [...others, { round: run.round, tree_hash: treeHash }];
}

/** Whether the project is as it was in the round before, whatever agents say that they changed. */
function isTreeUnchanged({ checked_trees: trees, round }: Run): boolean {
  const [before, now] = [round - 1, round].map((each) => trees.find((tree) => tree.round === each)?.tree_hash);
  return now !== undefined && now === before;
}

/** Whether the round moved nothing: the same findings are open as before it, and no file was changed for them. */
export function roundChangedNothing(run: Run, phase: Phase): boolean {
  if (run.round === 1 || run.rework_phase === null || run.rework_phase !== phase.findings_to) return false;
  const open = openFindings(run, phase);
  const filesChanged =
    !isTreeUnchanged(run) && jobsOf(run, run.rework_phase, run.round).some((job) => job.files_changed > 0);
  return open.length > 0 && !filesChanged && open.every((thread) => thread.first_round < run.round);
}

/**
 * Findings that an event carries, as the specification’s `review_requested` does: objects, or plain sentences that are
 * numbered. What is neither is passed over.
 */
export function findingsOf(data: SidecarEvent['data']): Finding[] {
  const { findings, severity, suggested_agent: suggested } = data;
  if (!Array.isArray(findings)) return [];
  const common = {
    severity: FindingSeverity.catch('medium').parse(severity),
    suggested_agent: AgentType.optional().catch(undefined).parse(suggested),
  };
  return findings.slice(0, MAX_THREADS).flatMap((finding: unknown, index) => {
    const said = typeof finding === 'object' ? finding : { message: finding };
    const { data: whole } = Finding.safeParse({ id: `finding-${index + 1}`, ...common, ...said });
    return whole ?? [];
  });
}
