import type { Duplex } from 'node:stream';
import { SidecarError, toProblem } from '@orchestration-sidecar/shared';
import { CORRELATION_HEADER } from './correlation.ts';
import { MAX_HEADER_BYTES } from './listeners/bounds.ts';

/** Answers with a problem document where there is only a socket, and closes it. */
export function endWithProblem(socket: Duplex, error: SidecarError, correlationId: string): void {
  if (!socket.writable) return void socket.destroy();
  const body = JSON.stringify(toProblem(error, correlationId));
  const head = [
    `HTTP/1.1 ${error.status} Refused`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    `${CORRELATION_HEADER}: ${correlationId}`,
    'connection: close',
    ...(Array.isArray(error.extension['allow']) ? [`allow: ${error.extension['allow'].join(', ')}`] : []),
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  // A peer that goes on sending and never closes must not keep the socket.
  socket.once('finish', () => socket.destroy());
}

/** What Node’s parser could not read, in our codes. */
export function fromUnreadable(fault: Error & { readonly code?: string }): SidecarError {
  switch (fault.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new SidecarError('PAYLOAD_TOO_LARGE', 'The URL and headers are too large.', {
        extension: { maxBytes: MAX_HEADER_BYTES },
      });
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new SidecarError('PAYLOAD_TOO_LARGE', 'The chunk extensions are too large.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new SidecarError('REQUEST_TIMEOUT');
    default:
      return new SidecarError('INPUT_INVALID', 'The request is not HTTP.');
  }
}
