import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { bulkhead } from 'cockatiel';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { z } from 'zod';
import { LIMITS, SidecarError } from '@orchestration-sidecar/shared';
import type { Logger } from '../telemetry/logger.ts';
import { readTraceContext, type TraceContext } from '../telemetry/trace-context.ts';
import { answersMuch } from './answer-place.ts';
import { ArrivingMessage } from './arriving-message.ts';
import type { Dispatcher, DoorCall } from './dispatcher.ts';
import { SMALL_BODY_BYTES } from './large-body.ts';
import { CONNECTION_TIMES } from './listeners/bounds.ts';
import { readJson } from './read-json.ts';
import { eventFrames, listFrame } from './socket-frames.ts';
import { SocketRoom } from './socket-room.ts';
import { socketSink } from './socket-sink.ts';
import { trpcErrorShape } from './trpc-errors.ts';
import { readWireInput } from './wire-input.ts';

const PING_MS = 30_000;
const MAX_SUBSCRIPTIONS = 256;
/** Messages in one frame of a client that batches. */
const MAX_BATCHED_MESSAGES = 500;
/** Calls that one connection may have under way. */
const MAX_CALLS = 1024;
/** Calls whose answers may be large that one connection has in memory at once. */
const MAX_READING = 8;
/** Nothing more is read from a client that leaves this much of its answers unread. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;
/** An answer of which no more than this is unread has left. */
const MAX_LEFT_BYTES = 128 * 1024;
/** How long a client may take to say who it is, when it announced to. */
const PARAMS_TIMEOUT_MS = 10_000;
/** Requests kept until the connection parameters have come. */
const MAX_EARLY = 16;

const RequestId = z.union([z.number(), z.string().max(64)]);
/** What tRPC clients send (tRPC, "WebSockets RPC Specification"). */
const Message = z.union([
  z.object({
    id: RequestId,
    method: z.enum(['query', 'mutation', 'subscription']),
    params: z.object({
      path: z.string().max(128),
      input: z.unknown(),
      lastEventId: z.string().max(64).optional(),
      // Ours: a trace context for this call alone, for clients that can send one.
      traceparent: z.string().max(512).optional(),
      tracestate: z.string().max(512).optional(),
    }),
  }),
  z.object({ id: RequestId, method: z.literal('subscription.stop') }),
  z.object({ method: z.literal('connectionParams'), data: z.record(z.string(), z.unknown()).nullish() }),
]);
type Request = Extract<z.infer<typeof Message>, { params: unknown }>;

/** What the WebSocket door needs. */
export interface WebSocketDoorNeeds {
  readonly dispatcher: Dispatcher;
  readonly logger: Logger;
  readonly makeCorrelationId: () => string;
}

/**
 * The WebSocket door: speaks tRPC’s protocol to any tRPC client. Our own instead of tRPC’s adapter because that sends
 * without looking at `bufferedAmount` and serialises every event once per subscriber; here a subscriber is a position in
 * the log that waits while its socket is not draining, and an event’s text is made once.
 */
export class WebSocketDoor {
  readonly #needs: WebSocketDoorNeeds;
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: LIMITS.maxBodyBytes, perMessageDeflate: false });

  constructor(needs: WebSocketDoorNeeds) {
    this.#needs = needs;
  }

  /** Open connections. */
  get connections(): number {
    return this.#server.clients.size;
  }

  /** Takes over an upgrade that the guard has let through. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#server.handleUpgrade(request, socket, head, (client) => new Connection(client, socket, request, this.#needs));
  }

  /** Tells clients to connect again elsewhere or later, and closes. */
  async close(): Promise<void> {
    for (const client of this.#server.clients) {
      client.send(JSON.stringify({ id: null, method: 'reconnect' }));
      client.close(1012, 'the sidecar is stopping');
    }
    const deadline = setTimeout(() => {
      for (const client of this.#server.clients) client.terminate();
    }, 1000);
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    clearTimeout(deadline);
  }
}

/** One client: its identity, its open subscriptions and its heartbeat. */
class Connection {
  readonly #client: WebSocket;
  readonly #socket: Duplex;
  /** What all its subscriptions share. */
  readonly #room: SocketRoom;
  readonly #needs: WebSocketDoorNeeds;
  readonly #closed = new AbortController();
  readonly #subscriptions = new Map<number | string, AbortController>();
  readonly #awaitsParams: boolean;
  #authorization: string | undefined;
  /** Trace that calls without one of their own are counted to. */
  #trace: TraceContext | undefined;
  #calls = 0;
  /**
   * Holds calls whose answers may be large from their beginning until the client has been sent them. The others wait here
   * for as long as it takes the client to read; only these few ask for the caller’s places, where waiting has an end.
   */
  readonly #reading = bulkhead(MAX_READING, MAX_CALLS);
  #early: Request[] | undefined;
  readonly #arriving: ArrivingMessage;

  constructor(client: WebSocket, socket: Duplex, request: IncomingMessage, needs: WebSocketDoorNeeds) {
    this.#client = client;
    this.#socket = socket;
    this.#room = new SocketRoom(socket);
    this.#needs = needs;
    this.#authorization = request.headers.authorization;
    this.#trace = readTraceContext(request.headers['traceparent'], request.headers['tracestate']);
    this.#awaitsParams = new URL(request.url ?? '/', 'http://sidecar').searchParams.get('connectionParams') === '1';
    if (this.#awaitsParams) {
      this.#early = [];
      const timer = setTimeout(() => {
        if (this.#early) client.close(1008, 'connection parameters first');
      }, PARAMS_TIMEOUT_MS);
      client.once('close', () => clearTimeout(timer));
    }
    this.#arriving = new ArrivingMessage({
      smallBytes: SMALL_BODY_BYTES,
      timeoutMs: CONNECTION_TIMES.requestTimeoutMs,
      admit: (bytes) => needs.dispatcher.admitBody(undefined, bytes, this.#callAs(needs.makeCorrelationId())),
      refuse: (cause) => this.#end(cause),
    });
    // Comes after the WebSocket’s own, which has by then told of what ended in it.
    socket.on('data', (chunk: Buffer) => this.#arriving.piece(chunk.length));
    client.on('ping', (payload) => this.#arriving.control(payload));
    client.on('pong', (payload) => this.#arriving.control(payload));
    let alive = true;
    const heartbeat = setInterval(() => {
      if (!alive) return client.terminate();
      alive = false;
      client.ping();
    }, PING_MS);
    client.on('pong', () => (alive = true));
    client.on('message', (data, isBinary) => {
      alive = true;
      this.#arriving.end();
      this.#receive(data, isBinary);
    });
    client.on('error', (cause) => needs.logger.debug({ err: cause }, 'websocket failed'));
    client.on('close', () => {
      clearInterval(heartbeat);
      this.#arriving.end();
      this.#closed.abort();
    });
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (isBinary) return this.#client.close(1003, 'text frames only');
    const text = Buffer.isBuffer(data) ? data.toString('utf8') : '';
    this.#holdBack();
    if (text === 'PING') return this.#client.send('PONG');
    if (text === 'PONG' || text === '') return;
    let parsed: unknown;
    try {
      parsed = readJson(text);
    } catch (cause) {
      const error = cause instanceof SidecarError ? cause : new SidecarError('JSON_INVALID');
      for (const id of idsIn(text)) this.#refuse(id, error);
      return;
    }
    const batch: unknown[] = Array.isArray(parsed) ? parsed : [parsed];
    if (batch.length > MAX_BATCHED_MESSAGES) {
      return this.#refuse(
        null,
        new SidecarError('INPUT_INVALID', `More than ${MAX_BATCHED_MESSAGES} messages at once.`),
      );
    }
    for (const item of batch) this.#take(item);
  }

  /** A client that asks without reading the answers is not read from until it does. */
  #holdBack(): void {
    if (this.#client.bufferedAmount < MAX_UNREAD_BYTES || this.#client.isPaused) return;
    this.#client.pause();
    this.#socket.once('drain', () => this.#client.resume());
  }

  #take(item: unknown): void {
    const message = Message.safeParse(item);
    if (!message.success) {
      return this.#refuse(idOf(item), new SidecarError('INPUT_INVALID', 'The message is not one of tRPC’s.'));
    }
    const { data } = message;
    if (data.method === 'connectionParams') return this.#identify(data.data ?? {});
    if (data.method === 'subscription.stop') return this.#stop(data.id);
    if (this.#early) {
      // Whoever has not said who it is may not make the sidecar keep much.
      if (this.#early.length >= MAX_EARLY) return this.#client.close(1008, 'connection parameters first');
      return void this.#early.push(data);
    }
    this.#serve(data);
  }

  /** Ends a subscription, also one that still waits for the connection parameters and so has not begun. */
  #stop(id: number | string): void {
    this.#subscriptions.get(id)?.abort();
    const early = this.#early ?? [];
    const at = early.findIndex((request) => request.id === id && request.method === 'subscription');
    if (at < 0) return;
    early.splice(at, 1);
    this.#send(`{"id":${JSON.stringify(id)},"result":{"type":"stopped"}}`);
  }

  /**
   * The first message of clients that send their token as a connection parameter: `{ token }` or `{ authorization }`,
   * and beside it the trace that the connection belongs to, as `traceparent` and `tracestate`.
   */
  #identify(params: Readonly<Record<string, unknown>>): void {
    if (typeof params['token'] === 'string') this.#authorization = `Bearer ${params['token']}`;
    else if (typeof params['authorization'] === 'string') this.#authorization = params['authorization'];
    this.#trace = readTraceContext(params['traceparent'], params['tracestate']) ?? this.#trace;
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const request of early) this.#serve(request);
  }

  #serve(request: Request): void {
    const correlationId = this.#needs.makeCorrelationId();
    const { traceparent, tracestate } = request.params;
    const trace = readTraceContext(traceparent, tracestate) ?? this.#trace;
    const call = this.#callAs(correlationId, trace);
    const serving = request.method === 'subscription' ? this.#stream(request, call) : this.#answer(request, call);
    serving.catch((cause: unknown) => {
      const error = cause instanceof SidecarError ? cause : new SidecarError('INTERNAL', undefined, { cause });
      this.#refuse(request.id, error, request.params.path, correlationId);
    });
  }

  #callAs(correlationId: string, trace = this.#trace): DoorCall {
    return { authorization: this.#authorization, correlationId, trace, signal: this.#closed.signal };
  }

  /** Closes without reading the rest of what is on its way. */
  #end(cause: unknown): void {
    const isForNow = cause instanceof SidecarError && cause.retryable;
    this.#client.close(isForNow ? 1013 : 1008, isForNow ? 'try again later' : 'nobody may send as much unasked');
    this.#client.pause();
    this.#socket.end(() => this.#socket.destroy());
  }

  async #answer({ id, params, method }: Request, call: DoorCall): Promise<void> {
    const entry = this.#needs.dispatcher.entry(params.path);
    if (entry !== undefined && entry.kind !== method)
      throw new SidecarError('METHOD_NOT_ALLOWED', `${params.path} is a ${entry.kind}.`);
    if (this.#calls >= MAX_CALLS) throw new SidecarError('RATE_LIMITED', 'Too many calls are under way.');
    const input = readWireInput(params.input) ?? {};
    this.#calls += 1;
    const dispatch = (): Promise<unknown> => this.#needs.dispatcher.dispatch(params.path, input, call);
    const answer = (data: unknown): void =>
      this.#send(`{"id":${JSON.stringify(id)},"result":{"type":"data","data":{"json":${JSON.stringify(data)}}}}`);
    try {
      if (entry?.load === 'waits') {
        // Those that wait share what they wait for; its text is made for one after the other.
        const data = await dispatch();
        await this.#read(call, () => answer(data));
      } else if (entry !== undefined && answersMuch(entry)) {
        await this.#read(call, async () => answer(await dispatch()));
      } else answer(await dispatch());
    } finally {
      this.#calls -= 1;
    }
  }

  /**
   * Does what makes a large answer, while few do and the client has read most of what it was sent: one small message
   * may hold hundreds of calls that answer megabytes each.
   */
  #read(call: DoorCall, make: () => void | Promise<void>): Promise<void> {
    const { signal } = this.#closed;
    return this.#reading.execute(async () => {
      await this.#unreadBelow(MAX_UNREAD_BYTES);
      if (signal.aborted) return;
      const release = await this.#needs.dispatcher.admitAnswer(call);
      try {
        await make();
        await this.#unreadBelow(MAX_LEFT_BYTES);
      } finally {
        release();
      }
    });
  }

  /** Waits until the client has left no more than that of its answers unread, or has gone. */
  async #unreadBelow(bytes: number): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted && this.#client.bufferedAmount >= bytes)
      await once(this.#socket, 'drain', { signal }).catch(() => {});
  }

  async #stream({ id, params }: Request, call: DoorCall): Promise<void> {
    if (this.#subscriptions.has(id)) throw new SidecarError('INPUT_INVALID', 'id: in use by another subscription');
    if (this.#subscriptions.size >= MAX_SUBSCRIPTIONS)
      throw new SidecarError('RATE_LIMITED', 'Too many subscriptions.');
    const stopped = new AbortController();
    this.#subscriptions.set(id, stopped);
    const prefix = `{"id":${JSON.stringify(id)},"result":`;
    try {
      const input = readWireInput(params.input);
      const resumed =
        params.lastEventId === undefined ? input : { ...asObject(input), lastEventId: params.lastEventId };
      const signal = AbortSignal.any([call.signal, stopped.signal]);
      const subscription = await this.#needs.dispatcher.open(params.path, resumed ?? {}, { ...call, signal });
      this.#send(`${prefix}{"type":"started"}}`);
      // Beside `ws`, which writes whole frames at once as long as nothing is compressed.
      const inLists = this.#needs.dispatcher.entry(params.path)?.items === 'lists';
      const encode = inLists ? listFrame : eventFrames;
      const format = `${inLists ? 'lists' : 'events'} ${prefix}`;
      await subscription.pour(socketSink(this.#room, format, (entries) => encode(prefix, entries)));
      this.#send(`${prefix}{"type":"stopped"}}`);
    } finally {
      this.#subscriptions.delete(id);
    }
  }

  #refuse(id: number | string | null, error: SidecarError, path?: string, correlationId?: string): void {
    const shape = trpcErrorShape(error, path, correlationId ?? this.#needs.makeCorrelationId());
    this.#send(JSON.stringify({ id, error: { json: shape } }));
  }

  #send(text: string): void {
    if (this.#client.readyState === this.#client.OPEN) this.#client.send(text);
  }
}

/** Whom to tell that a message is not taken in; without an id a caller would wait for ever. */
function idsIn(text: string): readonly (number | string | null)[] {
  try {
    // Nothing but ids is read from it, so a key that reaches for a prototype does no harm.
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed.slice(0, MAX_BATCHED_MESSAGES).map(idOf) : [idOf(parsed)];
  } catch {
    return [null];
  }
}

function idOf(message: unknown): number | string | null {
  const id = typeof message === 'object' && message !== null && 'id' in message ? message.id : undefined;
  return RequestId.safeParse(id).data ?? null;
}

function asObject(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}
