import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http';
import { CONNECTION_TIMES, MAX_HEADER_BYTES } from './bounds.ts';

/** How HTTP/1.1 is read, with and without TLS. */
export const HTTP1_OPTIONS = {
  maxHeaderSize: MAX_HEADER_BYTES,
  headersTimeout: CONNECTION_TIMES.headersTimeoutMs,
  requestTimeout: CONNECTION_TIMES.requestTimeoutMs,
  keepAliveTimeout: CONNECTION_TIMES.keepAliveTimeoutMs,
  connectionsCheckingInterval: CONNECTION_TIMES.checkIntervalMs,
  // The guard refuses a request without Host, with a problem document.
  requireHostHeader: false,
  // Node would keep the first of two and drop the other; joined they fit nothing, as they should.
  joinDuplicateHeaders: true,
  shouldUpgradeCallback: isWebSocketUpgrade,
} as const satisfies ServerOptions;

/** A server of HTTP/1.1 without TLS. */
export function createPlainServer(): Server {
  const server = createServer(HTTP1_OPTIONS);
  server.setTimeout(CONNECTION_TIMES.idleTimeoutMs);
  return server;
}

/** Any other upgrade, `h2c` for one, is an offer that a server may leave alone (RFC 9110, section 7.8). */
export function isWebSocketUpgrade(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket';
}
