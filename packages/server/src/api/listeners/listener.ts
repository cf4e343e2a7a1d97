import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Http2SecureServer } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { DRAIN_TIMEOUT_MS } from './bounds.ts';

/** What is done with what arrives, on whichever listener it does. */
export interface Doors {
  request(request: IncomingMessage, response: ServerResponse): void;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Refuses a tunnel (`CONNECT`). */
  connect(socket: Duplex): void;
  /** Answers what could not be read, before there is a request. */
  unreadable(fault: Error, socket: Duplex): void;
}

/** A server that listens in one place, with everything that is open on it. */
export class Listener {
  readonly #server: Server | Http2SecureServer;
  readonly #sockets = new Set<Socket>();
  #underWay = 0;
  #drained: (() => void) | undefined;

  constructor(server: Server | Http2SecureServer, doors: Doors, bounds: { readonly maxConnections: number }) {
    this.#server = server;
    server.maxConnections = bounds.maxConnections;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    const over = (): void => {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#drained?.();
    };
    const take = (request: IncomingMessage, response: ServerResponse): void => {
      this.#underWay += 1;
      response.once('close', over);
      doors.request(request, response);
    };
    server.on('request', take);
    // Whatever a request expects, it gets an answer of ours instead of an empty one of Node’s.
    server.on('checkExpectation', take);
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      // A peer that resets while it is refused must not bring the process down.
      socket.on('error', () => socket.destroy());
      doors.upgrade(request, socket, head);
    });
    server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
      socket.on('error', () => socket.destroy());
      doors.connect(socket);
    });
    server.on('clientError', (fault: Error, socket: Duplex) => doors.unreadable(fault, socket));
  }

  /** Open connections. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Requests that are not answered yet. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Starts listening; answers the port, or the path of a Unix socket. */
  listen(
    place: { readonly host: string; readonly port: number } | { readonly path: string },
  ): Promise<number | string> {
    return new Promise((resolve, reject) => {
      const server = this.#server;
      server.once('error', reject);
      server.listen(place, () => {
        server.off('error', reject);
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : (address ?? ''));
      });
    });
  }

  /**
   * Takes no further connection, gives requests under way some time, and closes what is left.
   * @returns how many requests were cut off.
   */
  async close(): Promise<number> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    if (this.#underWay > 0) {
      const drained = Promise.withResolvers<void>();
      this.#drained = drained.resolve;
      const deadline = setTimeout(drained.resolve, DRAIN_TIMEOUT_MS);
      await drained.promise;
      clearTimeout(deadline);
    }
    const cutOff = this.#underWay;
    for (const socket of this.#sockets) socket.destroySoon();
    const deadline = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, 200);
    await closed;
    clearTimeout(deadline);
    return cutOff;
  }
}
