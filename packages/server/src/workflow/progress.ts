import type { IssueProgress, IssueStatus } from '@orchestration-sidecar/shared';
import { limitsOf } from './allowance.ts';
import { openFindings } from './findings.ts';
import { currentJobs, currentPhase, isOpen, isOver, type Run } from './run.ts';

/** Where the issue stands, as callers see it. */
export function progressOf(
  run: Run,
  nowMs: number,
): { readonly status: IssueStatus; readonly progress: IssueProgress } {
  return {
    status: run.status,
    progress: {
      workflow: run.workflow.name,
      phase: isOver(run) ? null : (currentPhase(run)?.name ?? null),
      round: run.round,
      reason: run.reason,
      waiting_for: isOver(run)
        ? []
        : currentJobs(run)
            .filter(isOpen)
            .map((job) => job.agent_type),
      open_findings: run.workflow.phases.flatMap((phase) => openFindings(run, phase)).length,
      limits: limitsOf(run, nowMs),
    },
  };
}
