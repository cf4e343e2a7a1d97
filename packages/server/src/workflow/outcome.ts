import type { JsonObject, StoredResult } from '@orchestration-sidecar/shared';
import { elapsedMs, limitsOf } from './allowance.ts';
import { openFindings } from './findings.ts';
import type { Job, Run } from './run.ts';

/** Largest outcome, in UTF-16 code units of JSON: an event may hold 1 MiB of UTF-8, the thread of findings included. */
const MAX_OUTCOME_CHARS = 128 * 1024;
const MAX_SUMMARY_CHARS = 2000;
const MAX_REMARK_CHARS = 500;

/** How much of each result is told, from everything to the bare outline. */
const DETAILS = [
  { files: 500, remarks: 50, agents: 10_000 },
  { files: 50, remarks: 10, agents: 1000 },
  { files: 0, remarks: 0, agents: 200 },
] as const;

/**
 * The aggregated result of an issue, for whoever asked for it: what each agent handed in, counts over all of them,
 * and what it took. Counts are always complete; lists are shortened until the whole fits, and then it says so.
 */
export function outcomeOf(
  run: Run,
  resultOf: (resultId: string) => StoredResult | undefined,
  nowMs: number,
): JsonObject {
  const results = run.jobs.map((job) => ({
    job,
    result: job.result_id === null ? undefined : resultOf(job.result_id),
  }));
  const files = new Set(results.flatMap(({ result }) => filesOf(result)));
  const { level: _, ...limits } = limitsOf(run, nowMs);
  const common = {
    status: run.status,
    duration_ms: elapsedMs(run, nowMs),
    rounds: run.round,
    counts: {
      agents: run.jobs.length + run.others.length,
      delivered: run.jobs.filter(({ state }) => state === 'delivered').length,
      failed: run.jobs.filter(({ state }) => state === 'failed').length,
      verified: run.jobs.filter(({ verified }) => verified).length,
      files_changed: files.size,
      findings: run.findings.length + run.findings_left_out,
      findings_open: run.workflow.phases.flatMap((phase) => openFindings(run, phase)).length,
    },
    limits,
  };
  for (const [index, detail] of DETAILS.entries()) {
    const outcome: JsonObject = {
      ...common,
      agents: results.slice(-detail.agents).map(({ job, result }) => entryOf(job, result, detail)),
      truncated: index > 0,
    };
    if (JSON.stringify(outcome).length <= MAX_OUTCOME_CHARS) return outcome;
  }
  return { ...common, agents: [], truncated: true };
}

function entryOf(job: Job, result: StoredResult | undefined, detail: (typeof DETAILS)[number]): JsonObject {
  const body = result?.result;
  const files = (list: readonly string[] | undefined) => list?.slice(0, detail.files) ?? [];
  return {
    agent_type: job.agent_type,
    agent_id: job.agent_id,
    phase: job.phase,
    round: job.round,
    attempt: job.attempt,
    state: job.state,
    result_id: job.result_id,
    status: job.result_status,
    outcome: job.verified ? 'verified' : job.state === 'delivered' ? 'claimed' : 'failed',
    failure: job.failure?.slice(0, MAX_REMARK_CHARS) ?? null,
    summary: detail.remarks > 0 ? (body?.summary?.slice(0, MAX_SUMMARY_CHARS) ?? null) : null,
    files_created: files(body?.files_created),
    files_modified: files(body?.files_modified),
    files_deleted: files(body?.files_deleted),
    decisions: (body?.decisions ?? [])
      .slice(0, detail.remarks)
      .map((decision) =>
        (typeof decision === 'string' ? decision : JSON.stringify(decision)).slice(0, MAX_REMARK_CHARS),
      ),
    findings: job.findings_reported,
  };
}

function filesOf(result: StoredResult | undefined): string[] {
  const body = result?.result;
  return body ? [...body.files_created, ...body.files_modified, ...body.files_deleted] : [];
}
