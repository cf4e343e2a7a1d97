import { z } from 'zod';
import { ERRORS, type ErrorCode } from './error-codes.ts';

const codes = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

/**
 * RFC 9457 problem document, the only shape in which an error leaves the sidecar (DECISIONS 26).
 * Extension members are flat, e.g. `issues` of `INPUT_INVALID` or `oldest_cursor` of `CURSOR_EXPIRED`.
 */
export const Problem = z
  .looseObject({
    type: z.string().describe('URI reference that names the kind of problem.'),
    title: z.string().describe('Short summary, the same for every occurrence of the code.'),
    status: z.int().describe('HTTP status code.'),
    detail: z.string().describe('What went wrong this time.'),
    code: z.enum(codes).meta({ id: 'ErrorCode', description: 'Stable code to switch on.' }),
    retryable: z.boolean().describe('Whether sending the same request again later can help.'),
    recovery: z.string().describe('What to do next.'),
    correlation_id: z.string().describe('Correlation id of the request, also in the `x-correlation-id` header.'),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem document.' });
export type Problem = z.infer<typeof Problem>;

/** Details that travel with an error as flat members of its problem document. */
export type ProblemExtension = Readonly<Record<string, unknown>>;

/**
 * The one error class of the sidecar and of its SDK. The server throws it, doors render it with
 * {@link toProblem}, the SDK rebuilds it with {@link fromProblem}.
 *
 * `cause` stays in the process it was thrown in; only `detail` and `extension` travel.
 */
export class SidecarError extends Error {
  override readonly name = 'SidecarError';
  readonly code: ErrorCode;
  readonly detail: string;
  readonly extension: ProblemExtension;
  /** Correlation id of the failed request, when it is known. */
  readonly correlationId: string | undefined;

  constructor(
    code: ErrorCode,
    detail?: string,
    options: { extension?: ProblemExtension; cause?: unknown; correlationId?: string } = {},
  ) {
    const text = detail ?? ERRORS[code].title;
    super(`${code}: ${text}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = text;
    this.extension = options.extension ?? {};
    this.correlationId = options.correlationId;
  }

  /** Whether sending the same request again later can help. */
  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }

  /** What to do next, in one sentence. */
  get recovery(): string {
    return ERRORS[this.code].recovery;
  }

  /** HTTP status of the code. */
  get status(): number {
    return ERRORS[this.code].http;
  }
}

/** Renders an error for the outside. Nothing but the registry, `detail` and `extension` leaves the process. */
export function toProblem(error: SidecarError, correlationId: string): Problem {
  const spec = ERRORS[error.code];
  return {
    ...error.extension,
    type: `urn:orchestration-sidecar:problem:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title: spec.title,
    status: spec.http,
    detail: error.detail,
    code: error.code,
    retryable: spec.retryable,
    recovery: spec.recovery,
    correlation_id: correlationId,
  };
}

/** Rebuilds the error that a problem document describes; `undefined` when the value is not one. */
export function fromProblem(value: unknown): SidecarError | undefined {
  const parsed = Problem.safeParse(value);
  if (!parsed.success) return undefined;
  const { type, title, status, detail, code, retryable, recovery, correlation_id, ...extension } = parsed.data;
  return new SidecarError(code, detail, { extension, correlationId: correlation_id });
}
