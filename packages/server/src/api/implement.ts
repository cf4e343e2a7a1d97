import type { z } from 'zod';
import type { Procedure } from '@orchestration-sidecar/shared';
import type { Following } from '../events/index.ts';
import type { KnownPrincipal, Principal } from '../runtime/principal.ts';

/** A call on its way to a handler: who asks, under which correlation id, and until when. */
export interface Call<P extends Principal = Principal> {
  readonly principal: P;
  readonly correlationId: string;
  readonly signal: AbortSignal;
}

/** A procedure with what does it. The input is checked against the entry before the handler sees it. */
export interface Implementation {
  readonly entry: Procedure;
  /** Answers a query or mutation, or promises to. */
  run(input: unknown, call: Call<KnownPrincipal>): unknown;
  /** Opens a subscription: a following of the log. Only where the entry is one. */
  readonly open?: (input: unknown, call: Call<KnownPrincipal>) => Following;
  /** Answers without a token. Only where the entry is public. */
  readonly runPublic?: (input: unknown) => unknown;
}

/** The implementations of one noun of the contract: the compiler demands every verb. */
export type Implementations<Noun> = { readonly [Verb in keyof Noun]: Implementation };

/** Implements a query or mutation. */
export function implement<I extends z.ZodType, O extends z.ZodType>(
  entry: Procedure<'query' | 'mutation', I, O>,
  handler: (input: z.output<I>, call: Call<KnownPrincipal>) => Promise<z.output<O>> | z.output<O>,
): Implementation {
  return { entry, run: (input, call) => handler(entry.input.parse(input), call) };
}

/** Implements a procedure that needs no token and therefore knows no caller. */
export function implementPublic<I extends z.ZodType, O extends z.ZodType>(
  entry: Procedure<'query', I, O>,
  handler: (input: z.output<I>) => Promise<z.output<O>> | z.output<O>,
): Implementation {
  const runPublic = (input: unknown): unknown => handler(entry.input.parse(input));
  return { entry, run: runPublic, runPublic };
}

/** Implements a subscription. */
export function implementStream<I extends z.ZodType, O extends z.ZodType>(
  entry: Procedure<'subscription', I, O>,
  handler: (input: z.output<I>, call: Call<KnownPrincipal>) => Following,
): Implementation {
  return {
    entry,
    run: () => Promise.reject(new TypeError(`${entry.name} is a subscription`)),
    open: (input, call) => handler(entry.input.parse(input), call),
  };
}
