import type { JsonObject } from '@orchestration-sidecar/shared';
import type { Catalogue } from './choose.ts';
import type { Input } from './input.ts';
import { currentPhase, type Run } from './run.ts';

/** An event that the engine publishes, on `coordination`, as the sidecar. */
export interface Announcement {
  readonly eventType: string;
  readonly data: JsonObject;
  readonly round: number;
  /** Whether the aggregated result of the issue is added. */
  readonly withOutcome: boolean;
}

/** One transition under way: the run as it becomes, and what is said about it. */
export interface Step {
  readonly run: Run;
  readonly input: Input;
  readonly catalogue: Catalogue;
  readonly nowMs: number;
  readonly said: Announcement[];
  readonly phases: EndedPhase[];
}

/** A phase that was worked on and is over, for traces. */
export interface EndedPhase {
  readonly phase: string;
  readonly round: number;
  readonly startedMs: number;
  readonly endedMs: number;
  /** Status of the run that cut it off; absent: its work is done. */
  readonly cutOff?: string;
}

/** Ends the phase the run is in, when it was begun. */
export function leavePhase({ run, nowMs, phases }: Step, cutOff?: string): void {
  const phase = currentPhase(run);
  if (!phase || run.phase_started_ms === null) return;
  const { round, phase_started_ms: startedMs } = run;
  phases.push({ phase: phase.name, round, startedMs, endedMs: nowMs, ...(cutOff !== undefined && { cutOff }) });
  run.phase_started_ms = null;
}

/** Says what was decided and why; the newest reason is what the issue shows. */
export function say(
  step: Step,
  eventType: string,
  data: JsonObject & { readonly reason: string },
  withOutcome = false,
): void {
  const { run } = step;
  run.reason = data.reason;
  const place = {
    issue_id: run.issue_id,
    workflow: run.workflow.name,
    phase: currentPhase(run)?.name ?? null,
    round: run.round,
  };
  step.said.push({ eventType, data: { ...place, ...data }, round: run.round, withOutcome });
}

/** Says a decision, see {@link say}. */
export function decideThat(step: Step, decision: string, reason: string, data: JsonObject = {}): void {
  say(step, 'workflow_decision', { decision, ...data, reason });
}
