import type { FastifyReply, FastifyRequest } from 'fastify';
import { CORRELATION_HEADER } from './correlation.ts';

/**
 * Lets the pages of an allowed origin read the answer (WHATWG Fetch, "CORS protocol"). Nobody else gets a header of
 * these, and nobody is allowed credentials: there are no cookies.
 */
export function allowOrigin(reply: FastifyReply, origin: string): void {
  void reply.headers({
    'access-control-allow-origin': origin,
    'access-control-expose-headers': `${CORRELATION_HEADER}, retry-after`,
    vary: 'origin',
  });
}

/** Answers a browser that asks before it calls; only for an allowed origin. */
export function sendPreflight(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  // A page from a public address asks for a loopback one (WICG "Private Network Access").
  if (request.headers['access-control-request-private-network'] === 'true') {
    void reply.header('access-control-allow-private-network', 'true');
  }
  return reply
    .code(204)
    .headers({
      'access-control-allow-methods': 'GET, POST, DELETE',
      'access-control-allow-headers': `authorization, content-type, idempotency-key, last-event-id, ${CORRELATION_HEADER}`,
      'access-control-max-age': '600',
    })
    .send();
}
