import { readTraceContext, traceparentOf, type TraceContext } from '../telemetry/trace-context.ts';
import type { Tracer } from '../telemetry/tracer.ts';
import type { AgentRecord } from './agent-record.ts';
import { DEFAULT_MODELS } from './launchers/index.ts';

/** What a record holds of traces. */
type Traced = Pick<AgentRecord, 'traceparent' | 'tracestate' | 'span'>;

/**
 * The place in the trace that an agent goes on with. While traces are recorded, that is a span of its own, from its
 * spawn to its end, whose ids are kept with the agent: whichever sidecar sees the end records it.
 */
export function placeOfInteraction(parent: TraceContext | undefined, tracer: Tracer): Traced {
  const place = tracer.place(parent);
  return {
    traceparent: place ? traceparentOf(place) : null,
    tracestate: place?.tracestate,
    ...(tracer.isOn && { span: { parentId: parent?.spanId ?? null } }),
  };
}

/**
 * Records the interaction with an agent that has ended, by the GenAI semantic conventions (“Spans for GenAI agents”,
 * `invoke_agent`).
 */
export function recordInteraction(record: AgentRecord, tracer: Tracer): void {
  const { agent, span, failures } = record;
  const place = readTraceContext(record.traceparent, record.tracestate);
  if (!span || !place || agent.ended_at === null) return;
  tracer.record({
    name: `invoke_agent ${agent.agent_type}`,
    place,
    parent: span.parentId === null ? undefined : { ...place, spanId: span.parentId },
    startMs: Date.parse(agent.created_at),
    endMs: Date.parse(agent.ended_at),
    error: agent.state === 'failed' ? (failures.at(-1)?.reason ?? 'failed') : undefined,
    attributes: {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': agent.agent_type,
      'gen_ai.agent.id': agent.agent_id,
      ...modelOf(record, tracer),
      'gen_ai.usage.input_tokens': agent.usage.input_tokens ?? undefined,
      'gen_ai.usage.output_tokens': agent.usage.output_tokens ?? undefined,
      'sidecar.project_id': agent.project_id,
      'sidecar.issue_id': agent.issue_id ?? undefined,
      'sidecar.state': agent.state,
      'sidecar.attempts': agent.attempt,
      'sidecar.turns': agent.usage.turns ?? undefined,
      'sidecar.cost_usd': agent.usage.cost_usd ?? undefined,
    },
  });
}

/** Which model was asked for, and of whom; of programs other than Claude Code neither is known. */
function modelOf({ launcher, tier }: AgentRecord, { genAi }: Tracer): Record<string, string> {
  const isClaude = launcher?.kind === 'claude';
  // Renamed after 1.36.
  const provider = genAi === 'latest_experimental' ? 'gen_ai.provider.name' : 'gen_ai.system';
  return {
    [provider]: isClaude ? 'anthropic' : '_OTHER',
    ...(isClaude && { 'gen_ai.request.model': DEFAULT_MODELS[tier] }),
  };
}
