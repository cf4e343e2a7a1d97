import type { AgentUsage } from '@orchestration-sidecar/shared';

/** What an agent used in its earlier attempts and in this one; what neither said stays unknown. */
export function addUsage(earlier: AgentUsage | undefined, now: AgentUsage): AgentUsage {
  if (!earlier) return now;
  return {
    input_tokens: sum(earlier.input_tokens, now.input_tokens),
    output_tokens: sum(earlier.output_tokens, now.output_tokens),
    cost_usd: sum(earlier.cost_usd, now.cost_usd),
    turns: sum(earlier.turns, now.turns),
  };
}

function sum(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : one + other;
}
