import { ERRORS, SidecarError, toProblem, type ErrorCode, type Procedure } from '@orchestration-sidecar/shared';
import type { Json } from './json.ts';

/** What any request may be refused with, whatever it asks for. */
const ANY_CALL: readonly ErrorCode[] = [
  'HOST_FORBIDDEN',
  'RATE_LIMITED',
  'INTERNAL',
  'STORAGE_UNAVAILABLE',
  'SHUTTING_DOWN',
];
/** What a token may be refused with. */
const WITH_TOKEN: readonly ErrorCode[] = [
  'UNAUTHENTICATED',
  'TOKEN_INVALID',
  'TOKEN_EXPIRED',
  'TOKEN_REVOKED',
  'PERMISSION_DENIED',
];
/** What a body may be refused with. */
const WITH_BODY: readonly ErrorCode[] = ['JSON_INVALID', 'MEDIA_TYPE_UNSUPPORTED', 'PAYLOAD_TOO_LARGE'];
/** What the project of a call may be refused with. */
const WITH_PROJECT: readonly ErrorCode[] = ['PROJECT_REQUIRED', 'PROJECT_NOT_FOUND', 'PROJECT_FORBIDDEN'];

/** Correlation id in the examples of problems. */
const CORRELATION_ID = 'c0ffee00-1111-4222-8333-444455556666';

/** Every code an operation can answer, those of the doors and of the broker included. */
export function codesOf(entry: Procedure, takes: { body: boolean; project: boolean }): ErrorCode[] {
  const codes: readonly ErrorCode[] = [
    'INPUT_INVALID',
    ...entry.errors,
    ...(entry.access === 'public' ? [] : WITH_TOKEN),
    ...(takes.body ? WITH_BODY : []),
    ...(takes.project ? WITH_PROJECT : []),
    ...ANY_CALL,
  ];
  return [...new Set(codes)];
}

/** Responses by status, with the codes that each can carry. */
export function problemResponses(codes: readonly ErrorCode[]): Json {
  const byStatus = Map.groupBy(codes, (code) => ERRORS[code].http);
  const statuses = [...byStatus].toSorted(([a], [b]) => a - b);
  return Object.fromEntries(
    statuses.map(([status, list]) => {
      const name = SHARED.find(([, shared]) => shared.join() === list.join())?.[0];
      return [String(status), name ? { $ref: `#/components/responses/${name}` } : responseOf(list)];
    }),
  );
}

/** Responses that most operations have in common, by component name. */
const SHARED: readonly (readonly [string, readonly ErrorCode[]])[] = [
  ['Unauthenticated', WITH_TOKEN.filter((code) => ERRORS[code].http === 401)],
  ['TooManyRequests', ['RATE_LIMITED']],
  ['Failed', ['INTERNAL']],
  ['Unavailable', ['STORAGE_UNAVAILABLE', 'STARTING', 'SHUTTING_DOWN']],
];

/** Components for {@link problemResponses}: shared responses, and an example of every code. */
export function problemComponents(codes: Iterable<ErrorCode>): { responses: Json; examples: Json } {
  return {
    responses: Object.fromEntries(SHARED.map(([name, list]) => [name, responseOf(list)])),
    examples: Object.fromEntries(
      [...new Set(codes)]
        .toSorted()
        .map((code) => [
          code,
          { summary: ERRORS[code].title, value: toProblem(new SidecarError(code), CORRELATION_ID) },
        ]),
    ),
  };
}

function responseOf(codes: readonly ErrorCode[]): Json {
  const isLimit = codes.some((code) => ERRORS[code].http === 429);
  return {
    description: codes.map((code) => `\`${code}\`: ${ERRORS[code].title}.`).join(' '),
    headers: {
      'x-correlation-id': { $ref: '#/components/headers/CorrelationId' },
      ...(isLimit && { 'retry-after': { $ref: '#/components/headers/RetryAfter' } }),
    },
    content: {
      'application/problem+json': {
        schema: { $ref: '#/components/schemas/Problem', properties: { code: { enum: codes } } },
        examples: Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
      },
    },
  };
}
