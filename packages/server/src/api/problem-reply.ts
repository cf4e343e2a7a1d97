import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { SidecarError, toProblem } from '@orchestration-sidecar/shared';

/** Answers with a problem document (RFC 9457). */
export function sendProblem(reply: FastifyReply, error: SidecarError, correlationId: string): FastifyReply {
  void reply.headers(limitHeaders(error));
  const { allow } = error.extension;
  if (Array.isArray(allow)) void reply.header('allow', allow.join(', '));
  if (error.status === 401) void reply.header('www-authenticate', 'Bearer');
  return reply
    .code(error.status)
    .header('content-type', 'application/problem+json')
    .send(JSON.stringify(toProblem(error, correlationId)));
}

/** When to come again, and which limit was met (RFC 9110 `Retry-After`; IETF draft "RateLimit header fields"). */
export function limitHeaders({ extension }: SidecarError): Record<string, string> {
  const { retry_after_seconds: retryAfter, limit, quota, window_seconds: window } = extension;
  if (typeof retryAfter !== 'number') return {};
  const headers = { 'retry-after': String(Math.ceil(retryAfter)) };
  if (typeof limit !== 'string' || typeof quota !== 'number' || typeof window !== 'number') return headers;
  return {
    ...headers,
    'ratelimit-policy': `"${limit}";q=${quota};w=${window}`,
    ratelimit: `"${limit}";r=0;t=${Math.ceil(retryAfter)}`,
  };
}

/** What the HTTP layer itself refuses, in our codes. */
export function fromHttpFault(fault: FastifyError | SidecarError, request: FastifyRequest): SidecarError {
  if (fault instanceof SidecarError) return fault;
  switch (fault.code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new SidecarError('MEDIA_TYPE_UNSUPPORTED');
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return new SidecarError('JSON_INVALID');
    case 'FST_ERR_BAD_URL':
      return new SidecarError('INPUT_INVALID', 'path: not a valid URL');
    default:
      if (fault instanceof SyntaxError || fault.statusCode === 400) return new SidecarError('JSON_INVALID');
      request.log.error({ err: fault }, 'http fault');
      return new SidecarError('INTERNAL', undefined, { cause: fault });
  }
}
