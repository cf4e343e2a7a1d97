import type { IncomingMessage } from 'node:http';
import { createSecureServer as createHttp2Server, type Http2SecureServer } from 'node:http2';
import { MAX_HEADER_BYTES, type ConnectionTimes } from './bounds.ts';
import { http1Options, isWebSocketUpgrade } from './plain-server.ts';
import type { TlsFiles } from './tls-files.ts';

/**
 * What one HTTP/2 connection may do. Streams that are opened and reset at once (CVE-2023-44487) end the connection
 * when there are more than a client in a hurry makes: at first this many, then so many a second.
 */
const HTTP2_BOUNDS = {
  maxConcurrentStreams: 256,
  streamResetBurst: 200,
  streamResetRate: 20,
  maxHeaderListPairs: 128,
  maxSessionMemoryMb: 10,
  maxInvalidFrames: 100,
  maxRejectedStreams: 100,
} as const;

/**
 * A server of TLS 1.3 that speaks HTTP/2 to who offers it and HTTP/1.1 to the rest, WebSockets among them (RFC 7301,
 * ALPN). Another certificate is used from the next handshake on.
 */
export function createSecureServer(files: TlsFiles, times: ConnectionTimes): Http2SecureServer {
  const server = createHttp2Server({
    ...files.credentials,
    allowHTTP1: true,
    http1Options: http1Options(times),
    handshakeTimeout: times.handshakeTimeoutMs,
    streamResetBurst: HTTP2_BOUNDS.streamResetBurst,
    streamResetRate: HTTP2_BOUNDS.streamResetRate,
    maxHeaderListPairs: HTTP2_BOUNDS.maxHeaderListPairs,
    maxSessionMemory: HTTP2_BOUNDS.maxSessionMemoryMb,
    maxSessionInvalidFrames: HTTP2_BOUNDS.maxInvalidFrames,
    maxSessionRejectedStreams: HTTP2_BOUNDS.maxRejectedStreams,
    settings: {
      enablePush: false,
      maxConcurrentStreams: HTTP2_BOUNDS.maxConcurrentStreams,
      maxHeaderListSize: MAX_HEADER_BYTES,
    },
  });
  // Node takes the other options of HTTP/1.1 from above, this one from the server itself.
  Object.assign(server, { shouldUpgradeCallback: isWebSocketUpgrade });
  server.setTimeout(times.idleTimeoutMs);
  server.on('request', (request: IncomingMessage) => {
    if (request.httpVersionMajor === 2) boundArrival(request, times.requestTimeoutMs);
  });
  files.onChange((credentials) => server.setSecureContext(credentials));
  return server;
}

/** HTTP/1.1 has a time for a whole request to arrive in; HTTP/2 has only one for silence. */
function boundArrival(request: IncomingMessage, timeoutMs: number): void {
  const timer = setTimeout(() => request.destroy(), timeoutMs);
  timer.unref();
  const over = (): void => clearTimeout(timer);
  request.once('end', over).once('close', over);
}
