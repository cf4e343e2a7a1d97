import type { AnyRouter } from '@trpc/server';
import { fastifyRequestHandler } from '@trpc/server/adapters/fastify';
import type { FastifyInstance } from 'fastify';
import { SidecarError, type Procedure } from '@orchestration-sidecar/shared';
import { holdPlace } from './answer-place.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { OpenCalls } from './open-calls.ts';
import { limitHeaders } from './problem-reply.ts';
import { callOf } from './rest.ts';
import { TrpcBatch } from './trpc-batch.ts';
import { answerSingleCall, isSingleCall } from './trpc-call.ts';
import { fromTrpcError } from './trpc-errors.ts';
import { createTrpcRouter } from './trpc-router.ts';

/** Path of the tRPC door, over HTTP and as the WebSocket’s. */
export const TRPC_PATH = '/trpc';
/** Calls in one request of a client that batches. */
const MAX_BATCHED_CALLS = 100;

/** Adds the tRPC door over HTTP. */
export function addTrpcRoutes(
  http: FastifyInstance,
  entries: readonly Procedure[],
  dispatcher: Dispatcher,
  calls: OpenCalls,
): void {
  // Single calls do without it, and who waits for the start need not wait for it.
  let router: AnyRouter | undefined;
  void http.register(async (scope) => {
    scope.addHook('onSend', async (request, reply) => {
      if (reply.statusCode === 405) void reply.header('allow', request.method === 'GET' ? 'POST' : 'GET');
    });
    scope.route<{ Params: { path: string }; Querystring: Record<string, unknown> }>({
      method: ['GET', 'POST'],
      url: `${TRPC_PATH}/:path`,
      // tRPC has no answer for HEAD.
      exposeHeadRoute: false,
      handler: (req, res) => {
        const entry = dispatcher.entry(req.params.path);
        if (isSingleCall(req, entry)) return answerSingleCall(req, res, entry, dispatcher, calls);
        // tRPC would parse a text within the JSON for itself, and without care for prototypes.
        if (typeof req.body === 'string') throw new SidecarError('INPUT_INVALID', 'request: expected an object');
        return fastifyRequestHandler({
          router: (router ??= createTrpcRouter(entries, dispatcher)),
          req,
          res,
          path: req.params.path,
          maxBatchSize: MAX_BATCHED_CALLS,
          createContext: () => {
            const call = callOf(req, res, calls);
            return Object.assign(call, { batch: new TrpcBatch(async () => holdPlace(res, call, dispatcher)) });
          },
          // A batch says when to come again for the one of its calls that has to wait longest.
          responseMeta: ({ errors }) => ({
            headers:
              errors
                .map((error) => limitHeaders(fromTrpcError(error)))
                .toSorted((a, b) => Number(a['retry-after'] ?? 0) - Number(b['retry-after'] ?? 0))
                .at(-1) ?? {},
          }),
        });
      },
    });
  });
}
