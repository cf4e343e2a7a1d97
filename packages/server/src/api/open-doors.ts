import type { Config } from '../runtime/config.ts';
import type { Ids } from '../runtime/ids.ts';
import type { Scope } from '../runtime/scope.ts';
import { Dispatcher, type DispatcherNeeds } from './dispatcher.ts';
import { Guard } from './guard.ts';
import { DRAIN_TIMEOUT_MS } from './listeners/bounds.ts';
import { HttpServer, type HttpServerNeeds } from './http-server.ts';
import type { ListenersOptions } from './listeners/index.ts';
import { implementContract } from './procedures/index.ts';
import type { Rooms } from './rooms.ts';
import { WebSocketDoor } from './websocket.ts';

/** What the doors need. */
export interface DoorsNeeds
  extends
    Pick<DispatcherNeeds, 'audit' | 'noteCall' | 'checkAnswers'>,
    Pick<HttpServerNeeds, 'jwks'>,
    Pick<ListenersOptions, 'connectionTimes'> {
  readonly config: Config;
  readonly ids: Ids;
  readonly rooms: Rooms;
}

/** The doors, all closed until {@link Doors.listen}. */
export interface Doors {
  readonly dispatcher: Dispatcher;
  readonly webSockets: WebSocketDoor;
  /** Opens them at an address, and at the socket file where one is configured. */
  listen(host: string, port: number): ReturnType<HttpServer['listen']>;
}

/**
 * Builds every door to the contract.
 * @param scope closes them.
 */
export async function openDoors(
  { config, ids, rooms, audit, jwks, noteCall, checkAnswers, connectionTimes = {} }: DoorsNeeds,
  scope: Scope,
): Promise<Doors> {
  const { broker, clock, disk, logger, metrics, tracer, version } = rooms;
  const makeCorrelationId = (): string => ids.uuid();
  const implementations = implementContract(rooms);
  const dispatcher = new Dispatcher({
    audit,
    broker,
    disk,
    clock,
    implementations,
    noteCall,
    metrics,
    tracer,
    logger,
    checkAnswers,
  });
  const webSockets = new WebSocketDoor({ dispatcher, logger, makeCorrelationId });
  const tls = tlsPaths(config);
  const guard = new Guard({ ...config, secure: tls !== null });
  const http = await HttpServer.create({
    dispatcher,
    guard,
    webSockets,
    jwks,
    metrics,
    logger,
    version,
    makeCorrelationId,
  });
  scope.own('server', http, (it) => it.close(), {
    // Port and socket drain one after the other.
    deadlineMs: 3 * DRAIN_TIMEOUT_MS,
    holding: () => `${webSockets.connections} WebSocket connections, ${http.underWay} calls over HTTP`,
  });
  const { socket: socketPath, maxConnections } = config;
  return {
    dispatcher,
    webSockets,
    listen: (host, port) => http.listen({ host, port, tls, socketPath, maxConnections, connectionTimes, logger }),
  };
}

function tlsPaths({ tlsCert, tlsKey }: Config): { certPath: string; keyPath: string } | null {
  return tlsCert === null || tlsKey === null ? null : { certPath: tlsCert, keyPath: tlsKey };
}
