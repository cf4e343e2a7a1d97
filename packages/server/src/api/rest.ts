import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SidecarError, type Procedure } from '@orchestration-sidecar/shared';
import { readTraceContext } from '../telemetry/trace-context.ts';
import { answerInPlace } from './answer-place.ts';
import { CORRELATION_HEADER } from './correlation.ts';
import type { Dispatcher, DoorCall } from './dispatcher.ts';
import { sendEventStream } from './event-stream.ts';
import type { OpenCalls } from './open-calls.ts';
import { queryReader } from './query-input.ts';

/** Adds one route for every entry of the contract. Path, headers, query and body together are the input. */
export function addRestRoutes(
  http: FastifyInstance,
  entries: readonly Procedure[],
  dispatcher: Dispatcher,
  calls: OpenCalls,
): void {
  for (const entry of entries) {
    const { method, path, status = 200, formats = {} } = entry.rest;
    const inputOf = inputReader(entry);
    http.route({
      method,
      url: path,
      config: { procedure: entry.name },
      handler: async (request, reply) => {
        const call = callOf(request, reply, calls);
        const input = inputOf(request);
        if (entry.kind === 'subscription')
          return sendEventStream(reply, await dispatcher.open(entry.name, input, call), call, entry);
        const { format, ...rest } = asRecord(input);
        const rendered = typeof format === 'string' && Object.hasOwn(formats, format) ? formats[format] : undefined;
        if (rendered) {
          const asked = dispatcher.entry(rendered.procedure) ?? entry;
          const { [rendered.field]: text } = asRecord(await answerInPlace(asked, rest, { call, reply, dispatcher }));
          return reply.type(rendered.contentType).send(text);
        }
        return reply.code(status).send(await answerInPlace(entry, input, { call, reply, dispatcher }));
      },
    });
  }
}

/** The door’s part of a call: who asks, under which id, and whether the caller is still there. */
export function callOf(request: FastifyRequest, reply: FastifyReply, calls: OpenCalls): DoorCall {
  const open = calls.begin(reply.raw);
  return {
    authorization: request.headers.authorization,
    correlationId: request.id,
    trace: readTraceContext(request.headers['traceparent'], request.headers['tracestate']),
    get signal() {
      return open.signal;
    },
  };
}

/** Writes the correlation id into the answer. */
export function stampCorrelation(request: FastifyRequest, reply: FastifyReply): void {
  void reply.header(CORRELATION_HEADER, request.id);
}

function inputReader(entry: Procedure): (request: FastifyRequest) => unknown {
  const readQuery = queryReader(entry);
  const headers = Object.entries(entry.rest.headers ?? {});
  const takesBody = entry.rest.method === 'POST';
  return (request) => {
    const params = asRecord(request.params);
    const query = readQuery(asRecord(request.query));
    const body = takesBody && request.body !== undefined ? bodyOf(request.body) : {};
    for (const [field, value] of Object.entries(params)) {
      if (body[field] !== undefined && body[field] !== value) {
        throw new SidecarError(
          field === 'event_type' ? 'EVENT_TYPE_MISMATCH' : 'INPUT_INVALID',
          `${field}: the path and the body differ`,
        );
      }
    }
    const carried = headers.flatMap(([field, header]) => {
      const value = request.headers[header];
      return value === undefined || body[field] !== undefined ? [] : [[field, value] as const];
    });
    return { ...query, ...Object.fromEntries(carried), ...body, ...params };
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
