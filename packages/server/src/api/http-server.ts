import { fastify, type FastifyInstance, type FastifyRequest } from 'fastify';
import { procedures, SidecarError } from '@orchestration-sidecar/shared';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { CORRELATION_HEADER, correlationIdOf } from './correlation.ts';
import { allowOrigin, sendPreflight } from './cross-origin.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { Guard } from './guard.ts';
import { admitLargeBody, announcedBytes, SMALL_BODY_BYTES } from './large-body.ts';
import { MAX_HEADER_BYTES } from './listeners/bounds.ts';
import { openListeners, type Listening, type ListenersOptions, type Doors } from './listeners/index.ts';
import { OpenCalls } from './open-calls.ts';
import { addDocumentRoutes } from './openapi/index.ts';
import { fromHttpFault, sendProblem } from './problem-reply.ts';
import { endWithProblem, fromUnreadable } from './raw-problem.ts';
import { readBody } from './read-body.ts';
import { readJson, readText } from './read-json.ts';
import { addRestRoutes, stampCorrelation } from './rest.ts';
import { addTrpcRoutes, TRPC_PATH } from './trpc-http.ts';
import type { WebSocketDoor } from './websocket.ts';

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

/**
 * On every answer. Nothing here is meant to be shown, framed, embedded or kept by a browser; no
 * `Strict-Transport-Security`, which would bind every port of localhost.
 */
const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

/** The contract’s schemas check what comes and goes; no route has one of Fastify’s, whose compilers take long to load. */
const NO_COMPILERS = { buildValidator: noCompiler, buildSerializer: noCompiler };

const METHODS = ['GET', 'HEAD', 'POST', 'DELETE'] as const;

/** All doors behind every listener: REST, tRPC over HTTP and WebSocket, server-sent events. */
export class HttpServer {
  readonly #http: FastifyInstance;
  readonly #needs: HttpServerNeeds;
  readonly #calls = new OpenCalls();
  #listening: Listening | undefined;

  private constructor(http: FastifyInstance, needs: HttpServerNeeds) {
    this.#http = http;
    this.#needs = needs;
  }

  /** Builds the server; nothing listens yet. */
  static async create(needs: HttpServerNeeds): Promise<HttpServer> {
    const http = fastify({
      logger: false,
      genReqId: (request) => correlationIdOf(request.headers[CORRELATION_HEADER], needs.makeCorrelationId),
      routerOptions: { maxParamLength: MAX_HEADER_BYTES },
      schemaController: { compilersFactory: NO_COMPILERS },
      frameworkErrors: (fault, request, reply) => {
        stampCorrelation(request, reply);
        void sendProblem(reply, fromHttpFault(fault, request), request.id);
      },
    });
    const server = new HttpServer(http, needs);
    // A page may send text/plain to any port without asking first; only JSON is read.
    http.removeAllContentTypeParsers();
    http.addContentTypeParser('application/json', async ({ raw }: FastifyRequest) => {
      const text = readText(await readBody(raw, announcedBytes(raw)));
      // Many clients announce JSON with every call, also with those that have no body.
      return raw.method === 'DELETE' && text === '' ? undefined : readJson(text);
    });
    server.#addHooks();
    server.#addRoutes();
    await http.ready();
    return server;
  }

  /** Starts listening; answers the URL. */
  async listen(options: ListenersOptions): Promise<{ url: string; port: number }> {
    this.#listening = await openListeners(options, this.#doors());
    return this.#listening;
  }

  /** Calls over HTTP that are not answered yet. */
  get underWay(): number {
    return this.#listening?.underWay() ?? 0;
  }

  /** Tells those that wait to come back, finishes what is under way, and closes every connection. */
  async close(): Promise<void> {
    this.#calls.stop();
    await Promise.all([this.#needs.webSockets.close(), this.#listening?.close()]);
    await this.#http.close();
  }

  #doors(): Doors {
    const { guard, makeCorrelationId, webSockets } = this.#needs;
    return {
      request: (request, response) => this.#http.routing(request, response),
      upgrade: (request, socket, head) => {
        try {
          guard.check(request);
          if ((request.url ?? '/').split('?')[0] !== TRPC_PATH) throw new SidecarError('ROUTE_NOT_FOUND');
          webSockets.upgrade(request, socket, head);
        } catch (cause) {
          const error = cause instanceof SidecarError ? cause : new SidecarError('INTERNAL', undefined, { cause });
          endWithProblem(socket, error, makeCorrelationId());
        }
      },
      connect: (socket) =>
        endWithProblem(
          socket,
          new SidecarError('METHOD_NOT_ALLOWED', undefined, { extension: { allow: METHODS } }),
          makeCorrelationId(),
        ),
      unreadable: (fault, socket) => endWithProblem(socket, fromUnreadable(fault), makeCorrelationId()),
    };
  }

  #addHooks(): void {
    const { dispatcher, guard } = this.#needs;
    // Without a promise for what needs none: nearly every request.
    this.#http.addHook('onRequest', (request, reply, done): Promise<void> | void => {
      stampCorrelation(request, reply);
      void reply.headers(SECURITY_HEADERS);
      guard.check(request.raw);
      const { origin } = request.headers;
      if (origin !== undefined && guard.allowsOrigin(origin)) {
        allowOrigin(reply, origin);
        if (request.method === 'OPTIONS') return void sendPreflight(request, reply);
      }
      const bytes = announcedBytes(request.raw);
      if (bytes > SMALL_BODY_BYTES) return admitLargeBody(request, reply, bytes, { dispatcher, calls: this.#calls });
      done();
    });
    this.#http.setErrorHandler((fault: SidecarError, request, reply) =>
      sendProblem(reply, fromHttpFault(fault, request), request.id),
    );
    this.#http.setNotFoundHandler((request, reply) => {
      const url = request.url.split('?')[0] ?? '/';
      const allow = METHODS.filter((method) => this.#http.findRoute({ method, url }));
      const error =
        allow.length > 0
          ? new SidecarError('METHOD_NOT_ALLOWED', undefined, { extension: { allow } })
          : new SidecarError('ROUTE_NOT_FOUND');
      return sendProblem(reply, error, request.id);
    });
  }

  #addRoutes(): void {
    const { dispatcher, guard, jwks, metrics, version } = this.#needs;
    addRestRoutes(this.#http, procedures, dispatcher, this.#calls);
    addTrpcRoutes(this.#http, procedures, dispatcher, this.#calls);
    addDocumentRoutes(this.#http, { entries: procedures, version, originOf: (headers) => guard.originOf(headers) });
    this.#http.get('/.well-known/jwks.json', () => jwks());
    this.#http.get('/metrics', async (_request, reply) => {
      const { text, contentType } = await metrics.render();
      return reply.type(contentType).send(text);
    });
  }
}

function noCompiler(): never {
  throw new Error('routes have no schemas of Fastify’s');
}
