import type { StoredResult } from '@orchestration-sidecar/shared';
import { recordAnswers, recordFindings } from './findings.ts';
import { deliver, failWork } from './jobs.ts';
import { currentPhase, isOpen, type Job } from './run.ts';
import type { Step } from './step.ts';

/** Takes a stored result for a job. */
export function takeResult(step: Step, job: Job, result: StoredResult): void {
  const { run } = step;
  const phase = currentPhase(run);
  const isCurrent = phase?.name === job.phase && job.round === run.round;
  const wasOpen = isOpen(job);
  if (job.result_id !== null || (!wasOpen && job.state !== 'delivered')) return;
  const body = result.result;
  job.result_id = result.id;
  job.result_status = body.status;
  job.agent_id ??= result.agent_id;
  job.next_agents = body.next_agents;
  job.files_changed = Math.max(
    job.files_changed,
    body.files_created.length + body.files_modified.length + body.files_deleted.length,
  );
  const { tokens_used: tokens } = body.metrics;
  if (typeof tokens === 'number' && Number.isFinite(tokens) && tokens > 0) job.used_tokens ||= tokens;
  if (!phase || !isCurrent) return;
  const unanswered = recordAnswers(run, job, body.findings_answered);
  if (phase.findings_to !== null && (wasOpen || body.findings.length > 0)) {
    recordFindings(run, job, body.findings, result.id);
  } else job.findings_reported = body.findings.length;
  if (!wasOpen) return;
  if (body.status === 'failure' || body.status === 'blocked') {
    failWork(step, job, `it reported ${body.status}: ${reportOf(result)}`, { retry: body.status === 'failure' });
  } else if (unanswered.length > 0 && job.attempt < phase.max_attempts) {
    const ids = unanswered.join(', ');
    failWork(step, job, `it left findings unanswered: ${ids}`, { retry: true, findings: unanswered });
  } else deliver(step, job);
}

function reportOf(result: StoredResult): string {
  const { summary, errors } = result.result;
  const said = errors.map((error) => (typeof error === 'string' ? error : JSON.stringify(error)));
  return [summary ?? '', ...said].filter((line) => line !== '').join('; ') || 'without saying why';
}
