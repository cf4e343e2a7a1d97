/**
 * Why an agent failed, and whether another attempt can help. The supervisor retries by this table alone.
 */
export const FAILURES = {
  wall_time: { retryable: true, title: 'ran longer than its limit' },
  memory: { retryable: false, title: 'used more memory than its limit' },
  cpu: { retryable: false, title: 'used more CPU time than its limit' },
  output: { retryable: false, title: 'wrote more output than its limit' },
  processes: { retryable: false, title: 'started more processes than its limit' },
  stopped: { retryable: false, title: 'was stopped' },
  lost: { retryable: true, title: 'ended while nobody watched and left no exit status' },
  signal: { retryable: true, title: 'was ended by a signal' },
  exit_code: { retryable: true, title: 'exited with an error' },
  not_prepared: { retryable: true, title: 'could not be prepared' },
  not_started: { retryable: false, title: 'could not be started' },
  not_resumed: { retryable: true, title: 'could not go on with its session' },
  no_result: { retryable: true, title: 'ended without saying how it went' },
  reported: { retryable: true, title: 'said that it failed' },
  blocked: { retryable: false, title: 'said that it cannot go on' },
  rate_limited: { retryable: true, title: 'was held off by the model provider' },
  provider_unavailable: { retryable: true, title: 'could not reach the model provider' },
  provider_refused: { retryable: false, title: 'was refused by the model provider' },
  turn_limit: { retryable: false, title: 'reached its turn limit' },
  token_limit: { retryable: false, title: 'used more model tokens than its limit' },
  budget_limit: { retryable: false, title: 'reached its budget limit' },
  tools_denied: { retryable: false, title: 'was denied tools that it needed' },
  mcp_unavailable: { retryable: true, title: 'had no connection to an MCP server' },
} as const satisfies Record<string, { retryable: boolean; title: string }>;

/** One of {@link FAILURES}. */
export type FailureReason = keyof typeof FAILURES;

/** A failure and what is known about it. */
export interface Failure {
  readonly reason: FailureReason;
  /** In words, for people and for the next attempt’s context. */
  readonly detail: string;
}

/** What an ended agent amounts to. A claim is verified by others. */
export type Verdict =
  | { readonly status: 'claimed' }
  | { readonly status: 'failed'; readonly reason: FailureReason; readonly retryable: boolean; readonly detail: string };

/** The verdict on a failed agent. */
export function failed(failure: Failure): Verdict {
  return { status: 'failed', ...failure, retryable: FAILURES[failure.reason].retryable };
}
