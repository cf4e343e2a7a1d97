import type { TraceContext } from '../telemetry/trace-context.ts';
import type { Tracer } from '../telemetry/tracer.ts';
import { callOf, type Run } from './run.ts';
import type { EndedPhase } from './step.ts';

/** The place in the trace of a phase in a round, the same after a restart: what its agents are below. */
export function placeOfPhase(
  run: Run,
  { phase, round }: Pick<EndedPhase, 'phase' | 'round'>,
  tracer: Tracer,
): TraceContext | undefined {
  const { trace } = callOf(run);
  return trace && tracer.namedPlace(trace, `${run.issue_id}/${phase}/${round}`);
}

/** Records a phase that is over. */
export function recordPhase(run: Run, ended: EndedPhase, tracer: Tracer): void {
  const place = placeOfPhase(run, ended, tracer);
  if (!place) return;
  tracer.record({
    name: `phase ${ended.phase}`,
    place,
    parent: callOf(run).trace,
    startMs: ended.startedMs,
    endMs: ended.endedMs,
    error: ended.cutOff === 'resolved' ? undefined : ended.cutOff,
    attributes: {
      'sidecar.project_id': run.project_id,
      'sidecar.issue_id': run.issue_id,
      'sidecar.workflow': run.workflow.name,
      'sidecar.round': ended.round,
    },
  });
}
