import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { SidecarError, toProblem } from '@orchestration-sidecar/shared';

/** Answers with a problem document (RFC 9457). */
export function sendProblem(reply: FastifyReply, error: SidecarError, correlationId: string): FastifyReply {
  const retryAfter = error.extension['retry_after_seconds'];
  if (typeof retryAfter === 'number') void reply.header('retry-after', String(Math.ceil(retryAfter)));
  const { allow } = error.extension;
  if (Array.isArray(allow)) void reply.header('allow', allow.join(', '));
  if (error.status === 401) void reply.header('www-authenticate', 'Bearer');
  return reply
    .code(error.status)
    .header('content-type', 'application/problem+json')
    .send(JSON.stringify(toProblem(error, correlationId)));
}

/** What the HTTP layer itself refuses, in our codes. */
export function fromHttpFault(fault: FastifyError | SidecarError, request: FastifyRequest): SidecarError {
  if (fault instanceof SidecarError) return fault;
  switch (fault.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new SidecarError('PAYLOAD_TOO_LARGE');
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
