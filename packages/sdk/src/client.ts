import { callOfKept, contract, SidecarError, type KeptRequest, type Procedure } from '@orchestration-sidecar/shared';
import { platform } from '#platform';
import { Agent, type AgentOptions } from './agent.ts';
import { Caller, type CallOptions } from './caller.ts';
import { systemClock, type Clock } from './clock.ts';
import { processEnvironment, withoutEmpty, type AgentEnvironment } from './environment.ts';
import { readAnswer, toSidecarError } from './errors.ts';
import { Place } from './place.ts';
import { createResources, type Resources } from './resources.ts';
import type { Connections } from './platform/platform.ts';
import { DEFAULT_URL, readSidecarUrl } from './sidecar-url.ts';
import { Socket } from './socket.ts';
import { Following, type SubscribeOptions } from './subscription.ts';
import { AskedToken, KeptToken, type TokenFile, type TokenSource } from './token.ts';
import { HttpTransport, type Fetch, type Transport } from './transport.ts';

/** How a client is set up. Everything has a default; agents that the sidecar started need to pass nothing. */
export interface SidecarClientOptions {
  /** Address of the sidecar; may end in `/api`. Default: `SIDECAR_URL`, else `http://127.0.0.1:3001`. */
  readonly url?: string | undefined;
  /**
   * Token to send. An agent’s is refreshed before it expires, for as long as the client is open. A function is asked
   * before every call, and its tokens are not refreshed. Default: the content of `JWT_TOKEN_FILE`, else `JWT_TOKEN`.
   */
  readonly token?: string | (() => string | Promise<string>) | undefined;
  /** What carries queries and mutations. Default `http`; `websocket` costs the sidecar less for each call. */
  readonly calls?: 'http' | 'websocket' | undefined;
  /** Most attempts at a call that may be repeated. Default 4; 1 never repeats. */
  readonly maxAttempts?: number | undefined;
  /** Longest time of a call, in milliseconds; see {@link CallOptions.timeoutMs}. Default 60 000. */
  readonly timeoutMs?: number | undefined;
  /**
   * A WebSocket that is silent for this long, in milliseconds, is pinged, and replaced when it stays silent as long
   * again. Default 10 000.
   */
  readonly heartbeatMs?: number | undefined;
  /** Correlation id of every call that names none. Default: `CORRELATION_ID`, else a new one for each call. */
  readonly correlationId?: string | undefined;
  /** Headers to send with every call over HTTP. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Closes the client. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Unix socket to connect to; the URL’s host then only has to be a name of this machine. On Node. Default:
   * `SIDECAR_SOCKET`, unless `url` is given.
   */
  readonly socketPath?: string | undefined;
  /** Certificates (PEM) to trust besides the well-known ones. On Node. Default: the content of `SIDECAR_CA_FILE`. */
  readonly ca?: string | undefined;
  /** Default: the runtime’s `fetch`. */
  readonly fetch?: Fetch | undefined;
  /** Default: `ws` on Node, else the runtime’s `WebSocket`. */
  readonly webSocket?: typeof WebSocket | undefined;
  /** Default: the environment of the process. */
  readonly environment?: AgentEnvironment | undefined;
  /** For tests. Default: the machine’s clock. */
  readonly clock?: Clock | undefined;
  /** For tests. Default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** Everything that can be asked of a sidecar, and what an agent’s life needs. */
export interface SidecarClient extends Resources {
  /** Address of the sidecar, without `/api`. */
  readonly url: string;
  /**
   * The caller as an agent: who it is and what it works on is read from the environment.
   * @throws {SidecarError} `INPUT_INVALID` naming what neither the options nor the environment say.
   */
  agent(options?: AgentOptions): Agent;
  /** Ends subscriptions, calls and refreshing. Closing twice is once. */
  close(): void;
}

/** How long the sidecar may take to answer a refresh before it is tried again. */
const REFRESH_TIMEOUT_MS = 15_000;

/**
 * Makes a client. Nothing is sent before it is used, except that an agent’s token is refreshed when it is due.
 * @throws {SidecarError} `INPUT_INVALID` when the address is not an http or https URL.
 */
export function createSidecarClient(options: SidecarClientOptions = {}): SidecarClient {
  const environment = withoutEmpty(options.environment ?? processEnvironment());
  const { clock = systemClock, random = Math.random } = options;
  const place = new Place(readSidecarUrl(options.url ?? environment.SIDECAR_URL ?? DEFAULT_URL), async () =>
    // An address that the caller names stays what it is.
    options.url === undefined && environment.SIDECAR_FILE !== undefined
      ? platform.readText(environment.SIDECAR_FILE)
      : undefined,
  );
  const closed = new AbortController();
  const { signal } = closed;
  const close = (): void => closed.abort(new SidecarError('CLIENT_CLOSED', 'The client was closed.'));
  if (options.signal?.aborted) close();
  options.signal?.addEventListener('abort', close, { signal });

  const connections = connectionsOf(options, environment);
  const headers = headersOf(options, environment);
  const http = new HttpTransport(place, headers, options.fetch ?? connections?.fetch);
  const tokens = tokensOf(options, environment, {
    refresh: (token) => refreshOver(http, token, signal),
    clock,
    random,
    signal,
  });
  const socket = new Socket({
    url: async () => (await place.look()).webSocket,
    webSocket: async () => options.webSocket ?? (await (connections ?? platform).webSocket()),
    tokens,
    trace: pick(headers, ['traceparent', 'tracestate']),
    heartbeatMs: options.heartbeatMs ?? 10_000,
    random,
  });
  signal.addEventListener('abort', () => socket.close());
  const caller = new Caller({
    transport: options.calls === 'websocket' ? socket : http,
    tokens,
    clock,
    random,
    makeId: () => crypto.randomUUID(),
    maxAttempts: options.maxAttempts ?? 4,
    timeoutMs: options.timeoutMs ?? 60_000,
    correlationId: options.correlationId ?? environment.CORRELATION_ID,
    signal,
  });

  const subscribe = (entry: Procedure, input: object, subscribeOptions: SubscribeOptions): Following => {
    const anchor = (until: AbortSignal): Promise<string | undefined> => anchorOf(caller, input, until);
    // Of many events in one message each costs a fraction of what a message does.
    const inLists = entry.name === contract.events.subscribe.name;
    const { name } = inLists ? contract.events.subscribeMany : entry;
    return new Following({ socket, clock, random, signal }, { name, input, inLists, anchor }, subscribeOptions);
  };
  const resources = createResources(contract, (entry) =>
    entry.kind === 'subscription'
      ? (input = {}, subscribeOptions: SubscribeOptions = {}) => subscribe(entry, input, subscribeOptions)
      : (input = {}, callOptions: CallOptions = {}) => caller.call(entry, input, callOptions),
  );
  const sendKept = (request: KeptRequest): Promise<unknown> => {
    const { name, input } = callOfKept(request);
    return caller.call(name === 'results.store' ? contract.results.store : contract.events.publish, input);
  };
  return {
    ...resources,
    get url() {
      return place.address.base;
    },
    agent: (agentOptions = {}) =>
      new Agent(
        {
          resources,
          environment,
          clock,
          random,
          signal,
          sendKept,
          readText: platform.readText,
          openFolder: platform.openFolder,
        },
        agentOptions,
      ),
    close,
  };
}

/** Another way to the sidecar, when one was asked for. */
function connectionsOf(
  { url, socketPath, ca }: SidecarClientOptions,
  { SIDECAR_SOCKET, SIDECAR_CA_FILE }: AgentEnvironment,
): Connections | undefined {
  const path = socketPath ?? (url === undefined ? SIDECAR_SOCKET : undefined);
  if (path === undefined && ca === undefined && SIDECAR_CA_FILE === undefined) return undefined;
  const connections = platform.connectOver({
    socketPath: path,
    ca: async () => ca ?? (SIDECAR_CA_FILE === undefined ? undefined : platform.readText(SIDECAR_CA_FILE)),
  });
  if (connections === undefined && (socketPath !== undefined || ca !== undefined)) {
    throw new SidecarError('INPUT_INVALID', 'socketPath, ca: this runtime lets nobody choose how it connects');
  }
  return connections;
}

function headersOf({ headers }: SidecarClientOptions, environment: AgentEnvironment): Record<string, string> {
  const { TRACEPARENT, TRACESTATE } = environment;
  return {
    ...(TRACEPARENT !== undefined && { traceparent: TRACEPARENT }),
    ...(TRACESTATE !== undefined && { tracestate: TRACESTATE }),
    ...headers,
  };
}

function pick(headers: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => names.includes(name)));
}

function tokensOf(
  { token }: SidecarClientOptions,
  { JWT_TOKEN, JWT_TOKEN_FILE }: AgentEnvironment,
  needs: Omit<ConstructorParameters<typeof KeptToken>[0], 'token' | 'file'>,
): TokenSource {
  if (typeof token === 'function') return new AskedToken(token);
  if (token !== undefined || JWT_TOKEN_FILE === undefined)
    return new KeptToken({ ...needs, token: token ?? JWT_TOKEN });
  const file: TokenFile = {
    read: () => platform.readText(JWT_TOKEN_FILE),
    write: (text) => platform.writeSecret(JWT_TOKEN_FILE, text),
  };
  return new KeptToken({ ...needs, token: JWT_TOKEN, file });
}

async function refreshOver(transport: Transport, token: string, closed: AbortSignal): Promise<string> {
  const entry = contract.tokens.refresh;
  const signal = AbortSignal.any([closed, AbortSignal.timeout(REFRESH_TIMEOUT_MS)]);
  const correlationId = crypto.randomUUID();
  try {
    const attempt = { name: entry.name, kind: 'mutation', input: {}, token, correlationId, signal } as const;
    return readAnswer(entry.output, await transport.send(attempt)).token;
  } catch (cause) {
    throw toSidecarError(cause, correlationId);
  }
}

/**
 * `latest` is where the log ends now; it is asked once, so that what is published while a connection is down is not
 * taken for older than the subscription.
 */
async function anchorOf(caller: Caller, input: object, signal: AbortSignal): Promise<string | undefined> {
  if (!('cursor' in input) || input.cursor !== 'latest') return undefined;
  const { wait } = contract.events;
  const project = 'project_id' in input ? { project_id: input.project_id } : {};
  const answer = await caller.call(wait, { event_type: '*', cursor: 'latest', timeout: 0, ...project }, { signal });
  return readAnswer(wait.output, answer).next_cursor;
}
