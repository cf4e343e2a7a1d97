import { once } from 'node:events';
import type { FastifyReply } from 'fastify';
import { SidecarError, toProblem, type Procedure } from '@orchestration-sidecar/shared';
import type { EventEntry } from '../events/index.ts';
import { CORRELATION_HEADER } from './correlation.ts';
import type { DoorCall, OpenSubscription } from './dispatcher.ts';
import { SocketRoom } from './socket-room.ts';
import { socketSink } from './socket-sink.ts';

/** Names the frame of a problem. No event type begins so, and `error` is what clients call a broken connection. */
export const PROBLEM_FRAME = '@problem';
/** Names the frame of a list of events, which may be of many types. */
export const LIST_FRAME = '@events';

/** A comment this often keeps proxies and clients from taking silence for death. */
const KEEP_ALIVE_MS = 15_000;

/**
 * Sends a following as server-sent events (WHATWG HTML, "Server-sent events"): `id` is the cursor, so that a client
 * that reconnects sends it back as `Last-Event-ID`. A list has that of its last event.
 * A fault on the way ends the stream with a frame {@link PROBLEM_FRAME} that holds the problem document.
 */
export async function sendEventStream(
  reply: FastifyReply,
  subscription: OpenSubscription,
  call: DoorCall,
  { items }: Pick<Procedure, 'items'>,
): Promise<void> {
  reply.hijack();
  const socket = reply.raw;
  socket.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    [CORRELATION_HEADER]: call.correlationId,
  });
  if (reply.request.method === 'HEAD') {
    // The following is closed as that of any caller who has gone.
    const closed = once(socket, 'close');
    socket.end();
    await closed;
  } else {
    socket.write(': connected\n\n');
  }
  const keepAlive = setInterval(() => socket.write(': keep-alive\n\n'), KEEP_ALIVE_MS);
  try {
    const encode = items === 'lists' ? listFrame : eventFrames;
    const format = `server-sent ${items ?? 'events'}`;
    await subscription.pour(socketSink(new SocketRoom(socket), format, (entries) => Buffer.from(encode(entries))));
  } catch (cause) {
    if (cause instanceof SidecarError && !call.signal.aborted) {
      socket.write(`event: ${PROBLEM_FRAME}\ndata: ${JSON.stringify(toProblem(cause, call.correlationId))}\n\n`);
    }
  } finally {
    clearInterval(keepAlive);
    socket.end();
  }
}

function eventFrames(entries: readonly EventEntry[]): string {
  return entries.map(({ event, cursor, json }) => frame(cursor, event.event_type, json)).join('');
}

function listFrame(entries: readonly EventEntry[]): string {
  return frame(entries.at(-1)?.cursor ?? '', LIST_FRAME, `[${entries.map(({ json }) => json).join(',')}]`);
}

function frame(cursor: string, name: string, json: string): string {
  return `id: ${cursor}\nevent: ${name}\ndata: ${json}\n\n`;
}
