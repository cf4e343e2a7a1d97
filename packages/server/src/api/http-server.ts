import type { AddressInfo } from 'node:net';
import { fastify, type FastifyInstance } from 'fastify';
import { fastifyTRPCPlugin, type FastifyTRPCPluginOptions } from '@trpc/server/adapters/fastify';
import type { AnyRouter } from '@trpc/server';
import { LIMITS, procedures, SidecarError, toProblem } from '@orchestration-sidecar/shared';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { CORRELATION_HEADER, correlationIdOf } from './correlation.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { Guard } from './guard.ts';
import { addDocumentRoutes } from './openapi/index.ts';
import { fromHttpFault, sendProblem } from './problem-reply.ts';
import { addRestRoutes, callOf, stampCorrelation } from './rest.ts';
import { createTrpcRouter } from './trpc-router.ts';
import type { WebSocketDoor } from './websocket.ts';

/** Path of the tRPC door, over HTTP and as the WebSocket’s. */
export const TRPC_PATH = '/trpc';
/** Longest URL and header block that is read. */
const MAX_HEADER_BYTES = 32 * 1024;

/** What the HTTP server needs. */
export interface HttpServerNeeds {
  readonly dispatcher: Dispatcher;
  readonly guard: Guard;
  readonly webSockets: WebSocketDoor;
  readonly jwks: () => Promise<object>;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly version: string;
  readonly makeCorrelationId: () => string;
}

/** All doors on one port: REST, tRPC over HTTP and WebSocket, server-sent events. */
export class HttpServer {
  readonly #http: FastifyInstance;
  readonly #needs: HttpServerNeeds;

  private constructor(http: FastifyInstance, needs: HttpServerNeeds) {
    this.#http = http;
    this.#needs = needs;
  }

  /** Builds the server; nothing listens yet. */
  static async create(needs: HttpServerNeeds): Promise<HttpServer> {
    const http = fastify({
      logger: false,
      bodyLimit: LIMITS.maxBodyBytes,
      forceCloseConnections: true,
      genReqId: (request) => correlationIdOf(request.headers[CORRELATION_HEADER], needs.makeCorrelationId),
      requestTimeout: 60_000,
      http: { maxHeaderSize: MAX_HEADER_BYTES },
      routerOptions: { maxParamLength: MAX_HEADER_BYTES },
      frameworkErrors: (fault, request, reply) => {
        stampCorrelation(request, reply);
        void sendProblem(reply, fromHttpFault(fault, request), request.id);
      },
      clientErrorHandler: refuseUnreadable(needs.makeCorrelationId),
    });
    const server = new HttpServer(http, needs);
    // A page may send text/plain to any port without asking first; only JSON is read.
    http.removeContentTypeParser('text/plain');
    server.#addHooks();
    server.#addRoutes();
    await server.#addTrpc();
    await http.ready();
    return server;
  }

  /** Starts listening; answers the URL. */
  async listen(host: string, port: number): Promise<{ url: string; port: number }> {
    await this.#http.listen({ host, port });
    const bound = addressOf(this.#http.server.address());
    const name = host.includes(':') ? `[${host}]` : host;
    return { url: `http://${name}:${bound.port}`, port: bound.port };
  }

  /** Stops listening and closes every connection. */
  async close(): Promise<void> {
    await this.#needs.webSockets.close();
    await this.#http.close();
  }

  #addHooks(): void {
    const { guard } = this.#needs;
    this.#http.addHook('onRequest', async (request, reply) => {
      stampCorrelation(request, reply);
      void reply.headers({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
      const { origin } = request.headers;
      guard.check(request.headers);
      if (origin === undefined || !guard.allowsOrigin(origin)) return;
      void reply.headers({
        'access-control-allow-origin': origin,
        'access-control-expose-headers': CORRELATION_HEADER,
        vary: 'origin',
      });
      if (request.method === 'OPTIONS') {
        await reply
          .code(204)
          .headers({
            'access-control-allow-methods': 'GET, POST, DELETE',
            'access-control-allow-headers': `authorization, content-type, idempotency-key, last-event-id, ${CORRELATION_HEADER}`,
            'access-control-max-age': '600',
          })
          .send();
      }
    });
    this.#http.setErrorHandler((fault: SidecarError, request, reply) =>
      sendProblem(reply, fromHttpFault(fault, request), request.id),
    );
    this.#http.setNotFoundHandler((request, reply) => {
      const allowed = (['GET', 'POST', 'DELETE'] as const).filter((method) =>
        this.#http.findRoute({ method, url: request.url.split('?')[0] ?? '/' }),
      );
      return sendProblem(
        reply,
        new SidecarError(allowed.length > 0 ? 'METHOD_NOT_ALLOWED' : 'ROUTE_NOT_FOUND'),
        request.id,
      );
    });
    this.#http.server.on('upgrade', (request, socket, head) => {
      // A peer that resets while it is refused must not bring the process down.
      socket.on('error', () => socket.destroy());
      try {
        const path = (request.url ?? '/').split('?')[0];
        guard.check(request.headers);
        if (path !== TRPC_PATH) throw new SidecarError('ROUTE_NOT_FOUND');
        this.#needs.webSockets.upgrade(request, socket, head);
      } catch (cause) {
        const error = cause instanceof SidecarError ? cause : new SidecarError('INTERNAL', undefined, { cause });
        socket.end(rawProblem(error, this.#needs.makeCorrelationId()));
      }
    });
  }

  #addRoutes(): void {
    const { dispatcher, jwks, metrics, version } = this.#needs;
    addRestRoutes(this.#http, procedures, dispatcher);
    addDocumentRoutes(this.#http, procedures, version);
    this.#http.get('/.well-known/jwks.json', () => jwks());
    this.#http.get('/metrics', async (_request, reply) => {
      const { text, contentType } = await metrics.render();
      return reply.type(contentType).send(text);
    });
  }

  async #addTrpc(): Promise<void> {
    const router = createTrpcRouter(procedures, this.#needs.dispatcher);
    const options: FastifyTRPCPluginOptions<AnyRouter> = {
      prefix: TRPC_PATH,
      trpcOptions: { router, createContext: ({ req, res }) => callOf(req, res) },
    };
    await this.#http.register(fastifyTRPCPlugin, options);
  }
}

/** Answers what Node’s parser could not read, before there is a request. */
function refuseUnreadable(makeCorrelationId: () => string) {
  return (
    fault: Error & { code?: string },
    socket: { writable: boolean; end(text: string): unknown; destroy(): unknown },
  ): void => {
    if (!socket.writable) return void socket.destroy();
    const error =
      fault.code === 'HPE_HEADER_OVERFLOW'
        ? new SidecarError('PAYLOAD_TOO_LARGE', 'The URL and headers are too large.', {
            extension: { maxBytes: MAX_HEADER_BYTES },
          })
        : new SidecarError('INPUT_INVALID', 'The request is not HTTP.');
    socket.end(rawProblem(error, makeCorrelationId()));
  };
}

function rawProblem(error: SidecarError, correlationId: string): string {
  const body = JSON.stringify(toProblem(error, correlationId));
  return [
    `HTTP/1.1 ${error.status} Refused`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    `${CORRELATION_HEADER}: ${correlationId}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}

function addressOf(address: AddressInfo | string | null): AddressInfo {
  if (address === null || typeof address === 'string') throw new TypeError('not listening on a port');
  return address;
}
