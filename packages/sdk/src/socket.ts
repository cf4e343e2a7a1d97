import { createTRPCUntypedClient, createWSClient, wsLink, type TRPCLink, type TRPCWebSocketClient } from '@trpc/client';
import type { AnyTRPCRouter } from '@trpc/server';
import { observable } from '@trpc/server/observable';
import { SidecarError } from '@orchestration-sidecar/shared';
import { backOffMs } from './back-off.ts';
import { isTokenError, toSidecarError } from './errors.ts';
import type { TokenSource } from './token.ts';
import type { Attempt, Transport } from './transport.ts';
import { wire } from './wire.ts';

/** What the socket needs. */
export interface SocketNeeds {
  /** Answers where to connect to; asked for every connection. */
  readonly url: () => Promise<string>;
  /** Answers the WebSocket class to use. */
  readonly webSocket: () => Promise<typeof WebSocket | undefined>;
  readonly tokens: TokenSource;
  /** `traceparent` and `tracestate`, for the sidecar to count calls to a trace. */
  readonly trace: Readonly<Record<string, string>>;
  /** A connection that is silent for this long is pinged, and replaced when it stays silent as long again. */
  readonly heartbeatMs: number;
  readonly random: () => number;
}

/** A connection is closed when nothing has used it for this long, so that it does not keep a process alive. */
const IDLE_CLOSE_MS = 1000;

/** The tRPC client of a connection, and when to move on to the next one. */
export interface Connection {
  readonly client: ReturnType<typeof createTRPCUntypedClient>;
  /** Aborts when another connection has taken this one’s place. */
  readonly replaced: AbortSignal;
  /** Calls with why whenever it is lost or cannot be made from now on; answers how to stop it. */
  readonly onLost: (listener: (cause: Error) => void) => () => void;
}

interface OpenConnection extends Connection {
  /** The token it was opened with last. */
  token(): string | undefined;
  close(): void;
}

/**
 * The WebSocket that all subscriptions share, and calls when asked to. Opened when first used, closed when idle,
 * reconnected when lost. The sidecar learns who is there when a connection opens, so a new token takes a new one.
 */
export class Socket implements Transport {
  readonly #needs: SocketNeeds;
  readonly #forgetTokens: () => void;
  #open: OpenConnection | undefined;
  #class: Promise<typeof WebSocket> | undefined;

  constructor(needs: SocketNeeds) {
    this.#needs = needs;
    this.#forgetTokens = needs.tokens.onChange(() => this.#release());
  }

  /**
   * The connection to use now.
   * @throws {SidecarError} `INPUT_INVALID` when the runtime has no WebSocket and none was passed.
   */
  async connection(): Promise<Connection> {
    this.#class ??= this.#findClass();
    const webSocketClass = await this.#class;
    this.#open ??= this.#connect(webSocketClass);
    return this.#open;
  }

  async send(attempt: Attempt): Promise<unknown> {
    const connection = await this.connection();
    try {
      return await ask(connection, attempt);
    } catch (cause) {
      if (!(await this.renew(connection, toSidecarError(cause)))) throw cause;
      return ask(await this.connection(), attempt);
    }
  }

  /**
   * Told that something failed on a connection: whether it did because of the token and a connection with another
   * token has taken its place.
   */
  async renew(connection: Connection, error: SidecarError): Promise<boolean> {
    if (!isTokenError(error)) return false;
    if (connection !== this.#open) return true;
    if (!(await this.#needs.tokens.replaced(this.#open.token()))) return false;
    if (connection === this.#open) this.#release();
    return true;
  }

  /** Closes the connection when what was asked on it has been answered. */
  close(): void {
    this.#forgetTokens();
    this.#release();
  }

  #release(): void {
    this.#open?.close();
    this.#open = undefined;
  }

  async #findClass(): Promise<typeof WebSocket> {
    const found = await this.#needs.webSocket();
    if (found) return found;
    throw new SidecarError('INPUT_INVALID', 'webSocket: this runtime has none; install `ws`, or pass one');
  }

  #connect(webSocketClass: typeof WebSocket): OpenConnection {
    const { url, tokens, trace, heartbeatMs, random } = this.#needs;
    let token: string | undefined;
    const socket = createWSClient({
      url,
      WebSocket: webSocketClass,
      connectionParams: async () => {
        token = await tokens.current();
        return { ...trace, ...(token !== undefined && { token }) };
      },
      retryDelayMs: (attempt) => backOffMs(attempt, random),
      keepAlive: { enabled: true, intervalMs: heartbeatMs, pongTimeoutMs: heartbeatMs },
      lazy: { enabled: true, closeMs: IDLE_CLOSE_MS },
    });
    const replaced = new AbortController();
    const uses = new Uses();
    const connection: OpenConnection = {
      client: createTRPCUntypedClient({ links: [uses.link, wsLink({ client: socket, transformer: wire })] }),
      replaced: replaced.signal,
      onLost: (listener) => listenFor(socket, listener),
      token: () => token,
      close: () => {
        replaced.abort();
        void socket.close();
      },
    };
    // Left alone it would try for ever to connect for nobody, and keep a process alive that has nothing else to do.
    connection.onLost(() =>
      queueMicrotask(() => {
        if (uses.count > 0) return;
        connection.close();
        if (connection === this.#open) this.#open = undefined;
      }),
    );
    return connection;
  }
}

/** Counts what is under way on a connection: calls and subscriptions. */
class Uses {
  count = 0;

  readonly link: TRPCLink<AnyTRPCRouter> =
    () =>
    ({ op, next }) =>
      observable((observer) => {
        this.count += 1;
        const use = next(op).subscribe(observer);
        return () => {
          this.count -= 1;
          use.unsubscribe();
        };
      });
}

/** Asks on a connection. One that is lost, or cannot be made, is not waited for: whether to try again the caller says. */
async function ask({ client, onLost }: Connection, { name, kind, input, signal }: Attempt): Promise<unknown> {
  const lost = new AbortController();
  const stop = onLost((cause) => lost.abort(cause));
  try {
    return await client[kind](name, input, { signal: AbortSignal.any([signal, lost.signal]) });
  } catch (cause) {
    lost.signal.throwIfAborted();
    throw cause;
  } finally {
    stop();
  }
}

function listenFor({ connectionState }: TRPCWebSocketClient, listener: (cause: Error) => void): () => void {
  // What has failed before is told first; the next attempt may do better.
  let isOld = true;
  const watch = connectionState.subscribe({
    next: ({ state, error }) => {
      if (!isOld && state === 'connecting' && error) listener(error);
    },
  });
  isOld = false;
  return () => watch.unsubscribe();
}
