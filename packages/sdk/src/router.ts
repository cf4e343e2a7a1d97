import type {
  TRPCBuiltRouter,
  TRPCDefaultErrorShape,
  TRPCMutationProcedure,
  TRPCQueryProcedure,
  TRPCSubscriptionProcedure,
} from '@trpc/server';
import type { Contract, InputOf, OutputOf, Problem, Procedure } from '@orchestration-sidecar/shared';

/** An error as tRPC clients get it: the usual shape, with the problem document (RFC 9457) in `data.problem`. */
export interface AppErrorShape extends TRPCDefaultErrorShape {
  data: AppErrorData;
}

/** See {@link AppErrorShape}. */
export type AppErrorData = TRPCDefaultErrorShape['data'] & { problem: Problem };

/** What tRPC clients need to know of the router as a whole. What the server keeps in its context is its own. */
export interface AppRootTypes {
  ctx: object;
  meta: object;
  errorShape: AppErrorShape;
  transformer: true;
}

/** An item of a subscription; tRPC clients send the last `id` back when they resume. */
export interface TrackedItem<Item> {
  id: string;
  data: Item;
}

interface Definition<P extends Procedure> {
  meta: object;
  input: InputOf<P>;
  output: P['kind'] extends 'subscription' ? AsyncIterable<TrackedItem<OutputOf<P>>> : OutputOf<P>;
  errorShape: AppErrorShape;
}

type ProcedureOf<P extends Procedure> = P['kind'] extends 'query'
  ? TRPCQueryProcedure<Definition<P>>
  : P['kind'] extends 'mutation'
    ? TRPCMutationProcedure<Definition<P>>
    : TRPCSubscriptionProcedure<Definition<P>>;

type RecordOf<C extends Readonly<Record<string, Readonly<Record<string, Procedure>>>>> = {
  [Noun in keyof C]: { [Verb in keyof C[Noun]]: ProcedureOf<C[Noun][Verb]> };
};

/**
 * The sidecar’s router as a type, for any tRPC client: `createTRPCClient<AppRouter>({ links: [httpLink({ url:
 * 'http://127.0.0.1:3001/trpc', transformer: superjson, headers: { authorization: 'Bearer …' } })] })`. Derived from
 * the contract alone, so it needs nothing of the server.
 */
export type AppRouter = TRPCBuiltRouter<AppRootTypes, RecordOf<Contract>>;
