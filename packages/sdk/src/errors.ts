import { TRPCClientError } from '@trpc/client';
import { fromProblem, SidecarError } from '@orchestration-sidecar/shared';

/** Error of a reader whose position the log no longer reaches back to: what lay between is gone. */
export interface GapError extends SidecarError {
  readonly code: 'CURSOR_EXPIRED';
  readonly extension: { readonly oldest_cursor: string };
}

/** Whether the log was trimmed past the reader’s position. `extension.oldest_cursor` is where to go on from. */
export function isGapError(error: unknown): error is GapError {
  return (
    error instanceof SidecarError &&
    error.code === 'CURSOR_EXPIRED' &&
    typeof error.extension['oldest_cursor'] === 'string'
  );
}

/** Whether the sidecar refused the token itself, so that another token may be let in. */
export function isTokenError(error: SidecarError): boolean {
  return error.code === 'TOKEN_EXPIRED' || error.code === 'TOKEN_REVOKED' || error.code === 'TOKEN_INVALID';
}

/**
 * Makes the one error class out of whatever a call failed with: the sidecar’s problem document when there is one, else
 * `UNREACHABLE` for a connection that failed and `ANSWER_UNREADABLE` for an answer that is not a sidecar’s.
 */
export function toSidecarError(cause: unknown, correlationId?: string): SidecarError {
  if (cause instanceof SidecarError) return cause;
  const known = correlationId === undefined ? { cause } : { cause, correlationId };
  if (!(cause instanceof TRPCClientError)) return new SidecarError('UNREACHABLE', messageOf(cause), known);
  const answer: unknown = cause.meta?.['responseJSON'];
  const told = fromProblem(fieldOf(cause.data, 'problem')) ?? fromProblem(answer);
  if (told) return told;
  const isJson = !(cause.cause instanceof SyntaxError);
  if (!isJson || cause.shape || cause.meta?.['response'] !== undefined) {
    return new SidecarError('ANSWER_UNREADABLE', undefined, known);
  }
  if (isNotHttp(cause)) return new SidecarError('ANSWER_UNREADABLE', 'What answers there does not speak HTTP.', known);
  return new SidecarError('UNREACHABLE', messageOf(cause), known);
}

/** Whether an answer could not be read as HTTP: by the class and codes of Node (undici, llhttp), the code of Bun, the words of Deno. */
function isNotHttp(cause: unknown): boolean {
  for (const error of causesOf(cause)) {
    if (error.name === 'HTTPParserError') return true;
    if ('code' in error && /^(HPE_|Malformed_HTTP)/.test(String(error.code))) return true;
    if (/invalid HTTP \w+ parsed|received unexpected message from connection/.test(error.message)) return true;
  }
  return false;
}

interface Schema<Answer> {
  safeParse(value: unknown): { success: true; data: Answer } | { success: false; error: Error };
}

/**
 * Reads an answer that the client itself acts on.
 * @throws {SidecarError} `ANSWER_UNREADABLE` when it is not what the contract says.
 */
export function readAnswer<Answer>(schema: Schema<Answer>, answer: unknown): Answer {
  const read = schema.safeParse(answer);
  if (!read.success) throw new SidecarError('ANSWER_UNREADABLE', undefined, { cause: read.error });
  return read.data;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

/** The innermost message says most: "connect ECONNREFUSED 127.0.0.1:3001" rather than "fetch failed". */
function messageOf(cause: unknown): string | undefined {
  return causesOf(cause).findLast(({ message }) => message !== '')?.message;
}

/** An error and what caused it, the innermost last. A WebSocket tells of an error by an event. */
function causesOf(cause: unknown): Error[] {
  const error = cause instanceof Error ? cause : fieldOf(cause, 'error');
  return error instanceof Error ? [error, ...causesOf(error.cause)] : [];
}
