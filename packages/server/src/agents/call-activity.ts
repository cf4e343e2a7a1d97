/** What a call says about the agent that makes it. */
export interface CallActivity {
  readonly kind: 'working' | 'waiting';
  readonly cause: string;
}

/**
 * Reads an agent’s call as its activity: who long-polls waits for that event, everything else is work.
 * @param procedure name in the contract.
 * @param input as it came, not checked yet.
 */
export function callActivity(procedure: string, input: unknown): CallActivity {
  if (procedure !== 'events.wait') return { kind: 'working', cause: `called ${procedure}` };
  const named = typeof input === 'object' && input !== null && 'event_type' in input ? input.event_type : undefined;
  const event = typeof named === 'string' && named !== '*' ? `the event ${named.slice(0, 100)}` : 'any event';
  return { kind: 'waiting', cause: `waits for ${event}` };
}
