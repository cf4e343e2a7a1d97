import type { Issue, Phase } from '@orchestration-sidecar/shared';
import type { Job, Run } from './run.ts';

/** Longest task text, in characters: a task is handed to agents by environment or file and must stay readable. */
const MAX_TASK_CHARS = 60_000;
const MAX_FACTS_CHARS = 12_000;

/** The text of a piece of work: what the phase asks for, and only what is new since. */
export function taskOf(run: Run, job: Job, phase: Phase, issue: Pick<Issue, 'issue_id' | 'title'>): string {
  const parts = [
    `${phase.task}\n\nIssue ${issue.issue_id}: ${issue.title}\nPhase ${phase.name}, round ${job.round}, attempt ${job.attempt}.`,
  ];
  if (job.facts.length > 0) {
    parts.push(`Earlier attempts at this did not hold:\n${lines(job.facts, MAX_FACTS_CHARS)}`);
  }
  const mine = run.findings.filter(({ id }) => job.findings.includes(id));
  if (mine.length > 0) {
    const room = MAX_TASK_CHARS - parts.join('\n\n').length;
    parts.push(
      'Settle exactly these findings. Answer each one in `findings_answered` of your result with its `id`, an `answer` ' +
        '(`addressed` or `rebutted`) and a `reason`:\n' +
        lines(mine.map(findingLine), room - 400),
    );
  }
  const before = run.findings.filter(
    (thread) => thread.phase === job.phase && thread.from === job.agent_type && thread.answers.length > 0,
  );
  if (before.length > 0) {
    const room = MAX_TASK_CHARS - parts.join('\n\n').length;
    parts.push(
      'Your findings were answered. Report again, with the same `id`, what still must change; what you leave out counts ' +
        `as settled:\n${lines(before.map(answerLine), room - 400)}`,
    );
  }
  return parts.join('\n\n');
}

function findingLine({ id, severity, path, message, from, answers }: Run['findings'][number]): string {
  const earlier = answers.at(-1);
  const note = earlier ? ` (before: ${earlier.answer}${earlier.reason === null ? '' : `, ${earlier.reason}`})` : '';
  return `${id} [${severity}] ${path ?? 'anywhere'}, from ${from}: ${message}${note}`;
}

function answerLine({ reported_as: id, message, answers }: Run['findings'][number]): string {
  const last = answers.at(-1);
  return `${id}: ${message} → ${last?.answer ?? 'unanswered'}${last?.reason == null ? '' : `: ${last.reason}`}`;
}

/** As many items as there is room for, and how many there was none for. */
function lines(items: readonly string[], maxChars: number): string {
  const kept: string[] = [];
  let chars = 0;
  for (const item of items) {
    chars += item.length + 3;
    if (chars > maxChars) break;
    kept.push(`- ${item}`);
  }
  const left = items.length - kept.length;
  return left === 0 ? kept.join('\n') : [...kept, `- and ${left} more, in the results of the issue`].join('\n');
}
