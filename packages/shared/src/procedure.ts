import type { z } from 'zod';
import type { ErrorCode } from './error-codes.ts';
import type { Permission } from './permission.ts';

/**
 * Who may call: `public` needs no token, `authenticated` any valid one, a permission the token that holds it,
 * `operator` the operator alone. The operator may call everything.
 */
export type Access = 'public' | 'authenticated' | 'operator' | Permission;

/** How the procedure is reached over REST. Path parameters and header values are merged into the input. */
export interface RestRoute {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Path with `:name` parameters, each the name of an input field. */
  readonly path: string;
  /** Status of success. Default 200. */
  readonly status?: number;
  /** Input field → lower-case header that may carry it. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Input field → further query names that mean the same. */
  readonly aliases?: Readonly<Record<string, readonly string[]>>;
  /** Values of `?format=` that answer one text field of another procedure instead, as its own media type. */
  readonly formats?: Readonly<
    Record<string, { readonly procedure: string; readonly field: string; readonly contentType: string }>
  >;
}

/** tRPC kind of a procedure. A subscription answers a stream of `output`. */
export type ProcedureKind = 'query' | 'mutation' | 'subscription';

/** One entry of the contract: everything every door needs to know of a procedure. */
export interface Procedure<
  Kind extends ProcedureKind = ProcedureKind,
  Input extends z.ZodType = z.ZodType,
  Output extends z.ZodType = z.ZodType,
> {
  /** Dotted path in the contract, e.g. `results.store`. */
  readonly name: string;
  readonly kind: Kind;
  /** One sentence for references and command help. */
  readonly summary: string;
  readonly input: Input;
  readonly output: Output;
  readonly access: Access;
  readonly rest: RestRoute;
  /** Codes of its own, besides those any call can meet. */
  readonly errors: readonly ErrorCode[];
  /**
   * How it is treated under high load. `essential`: done however much there is to do. `waits`: meant to wait, so it has
   * no deadline and takes no room in the queue. Left out: queued, and refused when there is too much.
   */
  readonly load?: 'essential' | 'waits';
  /** `lists`: an item of the subscription is the list of all events that are there at once. Left out: one event. */
  readonly items?: 'lists';
  /**
   * Whether it makes the data directory larger, so that it is refused with `DISK_QUOTA_EXCEEDED` when that is full.
   * `by_size`: only what is larger than 64 KiB is, so that whoever works can end its work. Left out: not much.
   */
  readonly growth?: 'large' | 'by_size';
  /** Longest time to answer in, in milliseconds. Default 30,000 for a query, 60,000 for a mutation. */
  readonly deadlineMs?: number;
}

/** Declares an entry of the contract; keeps the exact types of its schemas. */
export function procedure<Kind extends ProcedureKind, Input extends z.ZodType, Output extends z.ZodType>(
  entry: Procedure<Kind, Input, Output>,
): Procedure<Kind, Input, Output> {
  return entry;
}

/** What a caller sends. */
export type InputOf<P extends Procedure> = z.input<P['input']>;
/** What a handler receives, defaults applied. */
export type ParsedInputOf<P extends Procedure> = z.output<P['input']>;
/** What a caller gets; of a subscription, one item of the stream. */
export type OutputOf<P extends Procedure> = z.output<P['output']>;
