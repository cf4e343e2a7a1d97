import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http';
import { MAX_HEADER_BYTES, type ConnectionTimes } from './bounds.ts';

/** How HTTP/1.1 is read, with and without TLS. */
export function http1Options(times: ConnectionTimes): ServerOptions {
  return {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: times.headersTimeoutMs,
    requestTimeout: times.requestTimeoutMs,
    keepAliveTimeout: times.keepAliveTimeoutMs,
    connectionsCheckingInterval: times.checkIntervalMs,
    // The guard refuses a request without Host, with a problem document.
    requireHostHeader: false,
    // Node would keep the first of two and drop the other; joined they fit nothing, as they should.
    joinDuplicateHeaders: true,
    shouldUpgradeCallback: isWebSocketUpgrade,
  };
}

/** A server of HTTP/1.1 without TLS. */
export function createPlainServer(times: ConnectionTimes): Server {
  const server = createServer(http1Options(times));
  server.setTimeout(times.idleTimeoutMs);
  return server;
}

/** Any other upgrade, `h2c` for one, is an offer that a server may leave alone (RFC 9110, section 7.8). */
export function isWebSocketUpgrade(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket';
}
