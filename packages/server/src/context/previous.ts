import type { ContextRequirement, PreviousOutput, StoredResult } from '@orchestration-sidecar/shared';
import { redactLine, redactValue } from './redact.ts';

/** What earlier agents of the issue left, newest first, as far as the requirements ask for it, without secrets. */
export function previousOutputs(
  results: readonly StoredResult[],
  requirements: ReadonlySet<ContextRequirement>,
): PreviousOutput[] {
  const all = requirements.has('previous_outputs');
  return results
    .filter(
      ({ agent_type: agentType, result }) =>
        all ||
        (requirements.has('previous_decisions') && result.decisions.length > 0) ||
        (requirements.has('previous_reviews') && (result.findings.length > 0 || /review|audit|qa/.test(agentType))),
    )
    .toSorted((a, b) => Date.parse(b.timestamp) - Date.parse(a.timestamp))
    .map(({ agent_type: agent, agent_id: agentId, id, timestamp, result }) => ({
      agent,
      agent_id: agentId,
      result_id: id,
      timestamp,
      status: result.status,
      decision: clean(decisionText(result.decisions[0])),
      decisions: result.decisions.map(redactValue),
      summary: clean(result.summary ?? null),
      findings: result.findings.map(redactValue),
    }));
}

function clean(text: string | null): string | null {
  return text === null ? null : redactLine(text);
}

function decisionText(decision: unknown): string | null {
  if (decision === undefined) return null;
  if (typeof decision === 'string') return decision;
  if (typeof decision === 'object' && decision !== null) {
    const { decision: words, summary, title, text } = decision as Record<string, unknown>;
    const said = [words, summary, title, text].find((value) => typeof value === 'string');
    if (typeof said === 'string') return said;
  }
  return JSON.stringify(decision);
}
