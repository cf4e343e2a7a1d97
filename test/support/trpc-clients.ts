import {
  createTRPCUntypedClient,
  createWSClient,
  httpLink,
  httpSubscriptionLink,
  splitLink,
  wsLink,
  type TRPCUntypedClient,
} from '@trpc/client';
import type { AnyRouter } from '@trpc/server';
import superjson from 'superjson';
import { EventSource } from 'eventsource';
import { WebSocket } from 'ws';

/** A stock tRPC client with nothing of ours. */
export interface StockClient {
  readonly client: TRPCUntypedClient<AnyRouter>;
  close(): Promise<void>;
}

const bearer = (token: string | null): Record<string, string> =>
  token === null ? {} : { authorization: `Bearer ${token}` };

/** Talks over HTTP, subscriptions over server-sent events. */
export function stockHttpClient(url: string, token: string | null): StockClient {
  const client = createTRPCUntypedClient<AnyRouter>({
    links: [
      splitLink({
        condition: (operation) => operation.type === 'subscription',
        true: httpSubscriptionLink({
          url: `${url}/trpc`,
          transformer: superjson,
          EventSource,
          eventSourceOptions: () => ({
            fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...bearer(token) } }),
          }),
        }),
        false: httpLink({ url: `${url}/trpc`, transformer: superjson, headers: bearer(token) }),
      }),
    ],
  });
  return { client, close: () => Promise.resolve() };
}

/** Talks over one WebSocket. */
export function stockSocketClient(url: string, token: string | null): StockClient {
  const socket = createWSClient({
    url: `${url.replace(/^http/, 'ws')}/trpc`,
    // Node’s own WebSocket has the same interface; `ws` notices a stopped peer.
    WebSocket: WebSocket as unknown as typeof globalThis.WebSocket,
    connectionParams: () => (token === null ? {} : { token }),
    retryDelayMs: () => 50,
  });
  const client = createTRPCUntypedClient<AnyRouter>({ links: [wsLink({ client: socket, transformer: superjson })] });
  return { client, close: () => socket.close() };
}
