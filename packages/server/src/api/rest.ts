import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SidecarError, type Procedure } from '@orchestration-sidecar/shared';
import { readTraceContext, type TraceContext } from '../telemetry/trace-context.ts';
import { answerInPlace } from './answer-place.ts';
import { CORRELATION_HEADER } from './correlation.ts';
import type { Dispatcher, DoorCall } from './dispatcher.ts';
import { sendEventStream } from './event-stream.ts';
import type { OpenCall, OpenCalls } from './open-calls.ts';
import { queryReader } from './query-input.ts';

/** A request to a route of the contract. */
type RestRequest = FastifyRequest<{ Params: Record<string, string>; Querystring: Record<string, unknown> }>;

/** Adds one route for every entry of the contract. Path, headers, query and body together are the input. */
export function addRestRoutes(
  http: FastifyInstance,
  entries: readonly Procedure[],
  dispatcher: Dispatcher,
  calls: OpenCalls,
): void {
  for (const entry of entries) {
    const { method, path, status = 200, formats } = entry.rest;
    const inputOf = inputReader(entry);
    http.route<{ Params: Record<string, string>; Querystring: Record<string, unknown> }>({
      method,
      url: path,
      config: { procedure: entry.name },
      handler: async (request, reply) => {
        const call = callOf(request, reply, calls);
        const input = inputOf(request);
        if (entry.kind === 'subscription')
          return sendEventStream(reply, await dispatcher.open(entry.name, input, call), call, entry);
        const { format } = input;
        const rendered =
          formats && typeof format === 'string' && Object.hasOwn(formats, format) ? formats[format] : undefined;
        if (rendered) {
          const asked = dispatcher.entry(rendered.procedure) ?? entry;
          const { format: _format, ...rest } = input;
          const { [rendered.field]: text } = asRecord(await answerInPlace(asked, rest, { call, reply, dispatcher }));
          return reply.type(rendered.contentType).send(text);
        }
        const answer = await answerInPlace(entry, input, { call, reply, dispatcher });
        void reply.code(status);
        return answer;
      },
    });
  }
}

/** The door’s part of a call: who asks, under which id, and whether the caller is still there. */
export function callOf(request: FastifyRequest, reply: FastifyReply, calls: OpenCalls): DoorCall {
  return new HttpCall(request, calls.begin(reply.raw));
}

class HttpCall implements DoorCall {
  readonly authorization: string | undefined;
  readonly correlationId: string;
  readonly trace: TraceContext | undefined;
  readonly #open: OpenCall;

  constructor({ headers, id }: FastifyRequest, open: OpenCall) {
    this.authorization = headers.authorization;
    this.correlationId = id;
    this.trace = readTraceContext(headers['traceparent'], headers['tracestate']);
    this.#open = open;
  }

  get signal(): AbortSignal {
    return this.#open.signal;
  }
}

/** Writes the correlation id into the answer. */
export function stampCorrelation(request: FastifyRequest, reply: FastifyReply): void {
  void reply.header(CORRELATION_HEADER, request.id);
}

function inputReader(entry: Procedure): (request: RestRequest) => Record<string, unknown> {
  const readQuery = queryReader(entry);
  const headers = Object.entries(entry.rest.headers ?? {});
  const inPath = [...entry.rest.path.matchAll(/:(\w+)/g)].map(([, field = '']) => field);
  const takesBody = entry.rest.method === 'POST';
  return ({ body: sent, headers: received, params, query }) => {
    const body = takesBody && sent !== undefined ? bodyOf(sent) : {};
    const input = { ...readQuery(query), ...body };
    for (const [field, header] of headers) {
      const value = received[header];
      if (value !== undefined && body[field] === undefined) input[field] = value;
    }
    for (const field of inPath) {
      const value = params[field];
      if (body[field] !== undefined && body[field] !== value) {
        throw new SidecarError(
          field === 'event_type' ? 'EVENT_TYPE_MISMATCH' : 'INPUT_INVALID',
          `${field}: the path and the body differ`,
        );
      }
      input[field] = value;
    }
    return input;
  };
}

function bodyOf(body: unknown): Record<string, unknown> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new SidecarError('INPUT_INVALID', 'request: expected one JSON object');
  }
  return asRecord(body);
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
