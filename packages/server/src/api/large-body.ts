import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LIMITS, SidecarError } from '@orchestration-sidecar/shared';
import type { Dispatcher } from './dispatcher.ts';
import { isClosed, type OpenCalls } from './open-calls.ts';
import { callOf } from './rest.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Name of the procedure that a route calls; the tRPC door has it in its path. */
    readonly procedure?: string;
  }
}

/** Bodies up to this size are read before anybody asks who sends them. */
export const SMALL_BODY_BYTES = 16 * 1024;

/** How long a connection is left open to who sends on although the answer is no. */
const LINGER_MS = 2000;

/** Size of the body that a request brings, as far as its headers tell; the largest when they do not. */
export function announcedBytes(request: IncomingMessage): number {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  const isUntold = length === undefined && (encoding !== undefined || isOpenStream(request));
  return isUntold ? LIMITS.maxBodyBytes : Number(length ?? 0);
}

/** Whether more may follow the headers of an HTTP/2 request: a length need not be told there (RFC 9113, section 8.1.1). */
function isOpenStream(request: IncomingMessage): boolean {
  const stream: unknown = 'stream' in request ? request.stream : undefined;
  return typeof stream === 'object' && stream !== null && 'endAfterHeaders' in stream && !stream.endAfterHeaders;
}

/**
 * Lets a large body come in: from somebody who is known and may call what it is meant for, while there is room. Until
 * then nothing of it is read, so that nobody can fill the memory of a process that it has no business with.
 * @throws {SidecarError} `PAYLOAD_TOO_LARGE` and what {@link Dispatcher.admitBody} throws.
 */
export async function admitLargeBody(
  request: FastifyRequest,
  reply: FastifyReply,
  bytes: number,
  { dispatcher, calls }: { readonly dispatcher: Dispatcher; readonly calls: OpenCalls },
): Promise<void> {
  try {
    if (bytes > LIMITS.maxBodyBytes) throw tooLarge();
    const release = await dispatcher.admitBody(nameOf(request), bytes, callOf(request, reply, calls));
    if (isClosed(reply.raw)) release();
    else reply.raw.once('close', release);
  } catch (cause) {
    if (request.raw.httpVersionMajor === 1) closeUnlessDone(request.raw);
    throw cause;
  }
}

/** The body is larger than any that is taken; says how much is. */
export function tooLarge(): SidecarError {
  return new SidecarError('PAYLOAD_TOO_LARGE', undefined, { extension: { maxBytes: LIMITS.maxBodyBytes } });
}

/**
 * Closes the connection of a body that goes on for long. Until then it is thrown away as it comes: a connection that is
 * closed at once takes the answer with it where the client is still sending (RFC 9112, section 9.6).
 */
function closeUnlessDone(request: IncomingMessage): void {
  const { socket } = request;
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  const over = (): void => {
    clearTimeout(timer);
    socket.off('close', over);
  };
  request.once('end', over);
  socket.once('close', over);
}

function nameOf({ params, routeOptions }: FastifyRequest): string {
  const { procedure } = routeOptions.config;
  if (procedure !== undefined) return procedure;
  return typeof params === 'object' && params !== null && 'path' in params ? String(params.path) : '';
}
