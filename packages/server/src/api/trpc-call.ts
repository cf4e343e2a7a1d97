import type { FastifyReply, FastifyRequest } from 'fastify';
import { SidecarError, type Procedure } from '@orchestration-sidecar/shared';
import { answerInPlace } from './answer-place.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { OpenCalls } from './open-calls.ts';
import { limitHeaders } from './problem-reply.ts';
import { readJson } from './read-json.ts';
import { callOf } from './rest.ts';
import { trpcErrorShape } from './trpc-errors.ts';
import { readWireInput } from './wire-input.ts';

/** A request to the tRPC door. */
export type TrpcRequest = FastifyRequest<{ Params: { path: string }; Querystring: Record<string, unknown> }>;

/** Whether a request is one call of a procedure, by its own method and to be answered at once: not a batch, not a stream. */
export function isSingleCall(request: TrpcRequest, entry: Procedure | undefined): entry is Procedure {
  const { method, query, headers } = request;
  if (query['batch'] !== undefined || headers['trpc-accept'] !== undefined) return false;
  if (method === 'POST') return entry?.kind === 'mutation' && request.body !== undefined;
  return method === 'GET' && entry?.kind === 'query' && typeof (query['input'] ?? '') === 'string';
}

/**
 * Answers a single call as tRPC’s adapter does (tRPC, "HTTP RPC Specification"), without its way through requests and
 * responses of the Fetch API, which costs more than a durable publication.
 */
export async function answerSingleCall(
  request: TrpcRequest,
  reply: FastifyReply,
  entry: Procedure,
  dispatcher: Dispatcher,
  calls: OpenCalls,
): Promise<string> {
  void reply.headers({ 'content-type': 'application/json', vary: 'trpc-accept' });
  try {
    const input = readWireInput(request.method === 'GET' ? queryInput(request.query['input']) : request.body) ?? {};
    const call = callOf(request, reply, calls);
    const data = await answerInPlace(entry, input, { call, reply, dispatcher });
    return `{"result":{"data":{"json":${JSON.stringify(data)}}}}`;
  } catch (cause) {
    const error = cause instanceof SidecarError ? cause : new SidecarError('INTERNAL', undefined, { cause });
    void reply.code(error.status).headers(limitHeaders(error));
    return JSON.stringify({ error: { json: trpcErrorShape(error, entry.name, request.id) } });
  }
}

function queryInput(text: unknown): unknown {
  return typeof text === 'string' ? readJson(text) : undefined;
}
