import { once } from 'node:events';
import type { FastifyReply } from 'fastify';
import { SidecarError, toProblem } from '@orchestration-sidecar/shared';
import type { FollowStep } from '../events/index.ts';
import { CORRELATION_HEADER } from './correlation.ts';
import type { DoorCall } from './dispatcher.ts';

/** A comment this often keeps proxies and clients from taking silence for death. */
const KEEP_ALIVE_MS = 15_000;

/**
 * Sends a following as server-sent events (WHATWG HTML, "Server-sent events"): `id` is the cursor, so that a client
 * that reconnects sends it back as `Last-Event-ID`. The next step is pulled when the socket has drained.
 * A fault on the way ends the stream with an `error` event that holds the problem document.
 */
export async function sendEventStream(
  reply: FastifyReply,
  steps: AsyncGenerator<FollowStep, void, void>,
  call: DoorCall,
): Promise<void> {
  reply.hijack();
  const socket = reply.raw;
  socket.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    [CORRELATION_HEADER]: call.correlationId,
  });
  socket.write(': connected\n\n');
  const keepAlive = setInterval(() => socket.write(': keep-alive\n\n'), KEEP_ALIVE_MS);
  try {
    for await (const { entries } of steps) {
      const text = entries
        .map(({ event, json }) => `id: ${event.cursor}\nevent: ${event.event_type}\ndata: ${json}\n\n`)
        .join('');
      if (!socket.write(text)) await once(socket, 'drain', { signal: call.signal });
    }
  } catch (cause) {
    if (cause instanceof SidecarError && !call.signal.aborted) {
      socket.write(`event: error\ndata: ${JSON.stringify(toProblem(cause, call.correlationId))}\n\n`);
    }
  } finally {
    clearInterval(keepAlive);
    socket.end();
  }
}
