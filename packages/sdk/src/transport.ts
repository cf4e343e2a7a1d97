import { createTRPCUntypedClient, httpLink, type HTTPLinkOptions } from '@trpc/client';
import type { AnyTRPCRouter } from '@trpc/server';
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
  readonly #client: ReturnType<typeof createTRPCUntypedClient>;

  /** @param headers - Sent with every call. */
  constructor(url: string, headers: Readonly<Record<string, string>>, fetch: Fetch | undefined) {
    const options: HTTPLinkOptions<AnyTRPCRouter['_def']['_config']['$types']> = {
      url,
      transformer: wire,
      headers: ({ op }) => ({ ...headers, ...headersOf(op.context) }),
      ...(fetch && {
        fetch: (input: string | URL | Request, init) => fetch(input, { ...init, signal: init?.signal ?? null }),
      }),
    };
    this.#client = createTRPCUntypedClient({ links: [httpLink(options)] });
  }

  send({ name, kind, input, token, correlationId, signal }: Attempt): Promise<unknown> {
    const context = { token, correlationId };
    return this.#client[kind](name, input, { signal, context });
  }
}

function headersOf({ token, correlationId }: Record<string, unknown>): Record<string, string> {
  return {
    ...(typeof token === 'string' && { authorization: `Bearer ${token}` }),
    ...(typeof correlationId === 'string' && { 'x-correlation-id': correlationId }),
  };
}
