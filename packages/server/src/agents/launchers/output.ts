import type { AgentUsage, ResultBody } from '@orchestration-sidecar/shared';
import type { Failure } from './failure.ts';

/** What a line of output changed. */
export interface OutputUpdate {
  readonly activity?: { readonly kind: 'working' | 'waiting'; readonly cause: string };
  /** Use so far, not since the last update; `null` is unknown. */
  readonly usage?: AgentUsage;
}

/** What an agent’s whole output said. */
export interface OutputReport {
  readonly usage: AgentUsage;
  /** Session that the agent’s program began or went on with, and can be resumed by; null: none. */
  readonly sessionId: string | null;
  /** Whether the agent said that it is done. */
  readonly finished: boolean;
  /** What it said went wrong, weightiest first. */
  readonly failures: readonly Failure[];
  /** The result it ended with on its output; null: none. */
  readonly result: ResultBody | null;
}

/** Reads an agent’s output line by line. Lines it does not understand are log and change nothing. */
export interface OutputParser {
  feed(line: string): OutputUpdate | undefined;
  /** What was said so far. */
  readonly report: OutputReport;
}

/** Nothing is known about the use of tokens yet. */
export const UNKNOWN_USAGE: AgentUsage = { input_tokens: null, output_tokens: null, cost_usd: null, turns: null };
