import { ERRORS, type ErrorCode, type Procedure } from '@orchestration-sidecar/shared';
import { principalName, principalType, type Principal } from '../../runtime/principal.ts';
import type { Deed } from './audit-log.ts';

/** How a call that is over goes on record: on its own before it is answered, counted, or not at all. */
export type Auditing = 'record' | 'count' | 'none';

/** Mutations that come often and leave records of their own: the log, the positions of consumers. */
const COUNTED: ReadonlySet<string> = new Set([
  'events.publish',
  'events.publishMany',
  'consumers.consume',
  'consumers.ack',
  'consumers.nack',
  'tokens.introspect',
]);
/** What a procedure acts on, most telling first. */
const TARGETS = [
  'agent_id',
  'dead_letter_id',
  'consumer',
  'token_id',
  'issue_id',
  'agent_type',
  'event_type',
  'root',
  'id',
];
const MAX_TARGET_CHARS = 256;

/** Whether and how a call goes on record. Refusals are counted: whoever is refused may come in floods. */
export function auditingOf(entry: Pick<Procedure, 'kind' | 'name'> | undefined, code: string): Auditing {
  if (code === 'OK') return entry?.kind !== 'mutation' ? 'none' : COUNTED.has(entry.name) ? 'count' : 'record';
  const status = code in ERRORS ? ERRORS[code as ErrorCode].http : 500;
  const isRefusal = status === 401 || status === 403 || status === 429;
  return isRefusal || entry?.kind === 'mutation' ? 'count' : 'none';
}

/** A call as a deed. */
export function deedOf(
  entry: Pick<Procedure, 'name'> | undefined,
  principal: Principal,
  call: { readonly correlationId: string },
  input: unknown,
  outcome: string,
): Deed {
  const isKnown = principal.kind !== 'anonymous';
  return {
    actor: isKnown ? principalName(principal) : 'anonymous',
    actor_type: isKnown ? principalType(principal) : 'anonymous',
    project_id: projectOf(principal, input),
    action: entry?.name ?? 'unknown',
    target: targetOf(input),
    outcome,
    correlation_id: call.correlationId,
  };
}

function targetOf(input: unknown): string | null {
  if (typeof input !== 'object' || input === null) return null;
  for (const name of TARGETS) {
    const named: unknown = Reflect.get(input, name);
    if (typeof named === 'string') return named.slice(0, MAX_TARGET_CHARS);
  }
  return null;
}

/** Project that a call is about, as far as who calls and what it sends tell. */
export function projectOf(principal: Principal, input: unknown): string | null {
  if (principal.kind === 'agent') return principal.projectId;
  const named = typeof input === 'object' && input !== null && 'project_id' in input ? input.project_id : undefined;
  return typeof named === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(named) ? named : null;
}
