import { createTRPCUntypedClient, httpLink, type HTTPLinkOptions } from '@trpc/client';
import type { AnyTRPCRouter } from '@trpc/server';
import type { Place } from './place.ts';
import { wire } from './wire.ts';

/** One attempt at a query or mutation. */
export interface Attempt {
  readonly name: string;
  readonly kind: 'query' | 'mutation';
  readonly input: object;
  readonly token: string | undefined;
  readonly correlationId: string;
  readonly signal: AbortSignal;
}

/** Carries queries and mutations to the sidecar. */
export interface Transport {
  send(attempt: Attempt): Promise<unknown>;
}

/** `fetch`, or something that does as it does. */
export type Fetch = typeof globalThis.fetch;

/** Calls over HTTP, each in its own request. */
export class HttpTransport implements Transport {
  readonly #place: Place;
  readonly #connect: (url: string) => Client;
  #connected: { readonly url: string; readonly client: Client } | undefined;

  /** @param headers - Sent with every call. */
  constructor(place: Place, headers: Readonly<Record<string, string>>, fetch: Fetch | undefined) {
    this.#place = place;
    this.#connect = (url) => {
      const options: HTTPLinkOptions<AnyTRPCRouter['_def']['_config']['$types']> = {
        url,
        transformer: wire,
        headers: ({ op }) => ({ ...headers, ...headersOf(op.context) }),
        ...(fetch && {
          fetch: (input: string | URL | Request, init) => fetch(input, { ...init, signal: init?.signal ?? null }),
        }),
      };
      return createTRPCUntypedClient({ links: [httpLink(options)] });
    };
  }

  async send({ name, kind, input, token, correlationId, signal }: Attempt): Promise<unknown> {
    // Asked each time: a sidecar that came back elsewhere is found, and whoever took its port gets no token.
    const { http: url } = await this.#place.look();
    if (this.#connected?.url !== url) this.#connected = { url, client: this.#connect(url) };
    return this.#connected.client[kind](name, input, { signal, context: { token, correlationId } });
  }
}

type Client = ReturnType<typeof createTRPCUntypedClient>;

function headersOf({ token, correlationId }: Record<string, unknown>): Record<string, string> {
  return {
    ...(typeof token === 'string' && { authorization: `Bearer ${token}` }),
    ...(typeof correlationId === 'string' && { 'x-correlation-id': correlationId }),
  };
}
