import { initTRPC, tracked, TRPCError, type AnyRouter } from '@trpc/server';
import { SidecarError, type Procedure } from '@orchestration-sidecar/shared';
import type { Dispatcher, DoorCall } from './dispatcher.ts';
import { readWireInput } from './wire-input.ts';
import type { TrpcBatch } from './trpc-batch.ts';
import { fromTrpcError, toTrpcError, trpcErrorShape } from './trpc-errors.ts';

/** What the calls of one request have in common. */
export type TrpcContext = DoorCall & { readonly batch: TrpcBatch };

/**
 * How values travel over tRPC. Clients speak superjson; answers of this contract are plain JSON, so wrapping them is
 * all there is to do, and an event’s text need not be made again.
 */
export const wire = {
  input: { serialize: (value: unknown) => ({ json: value }), deserialize: readWireInput },
  output: { serialize: (value: unknown) => ({ json: value }), deserialize: (value: unknown) => value },
};

/**
 * The tRPC router for HTTP, made from the contract. Its procedures only translate: everything is checked and
 * done behind the dispatcher, as for every door.
 */
export function createTrpcRouter(entries: readonly Procedure[], dispatcher: Dispatcher): AnyRouter {
  const t = initTRPC.context<TrpcContext>().create({
    transformer: wire,
    errorFormatter: ({ error, path, ctx }) => trpcErrorShape(fromTrpcError(error), path, ctx?.correlationId ?? 'none'),
    isDev: false,
  });
  const asIs = t.procedure.input((value: unknown) => value);
  const procedureOf = (entry: Procedure) => {
    const { name, kind, items } = entry;
    if (kind === 'subscription') {
      return asIs.subscription(async function* ({ ctx, input, signal }) {
        const call = { ...ctx, signal: signal ?? ctx.signal };
        try {
          const subscription = await dispatcher.open(name, input ?? {}, call);
          for await (const { entries: found } of subscription.steps()) {
            const last = found.at(-1);
            if (items !== 'lists') for (const { event } of found) yield tracked(event.cursor, event);
            else if (last)
              yield tracked(
                last.cursor,
                found.map(({ event }) => event),
              );
          }
        } catch (cause) {
          throw outward(cause);
        }
      });
    }
    const resolve = async ({ ctx, input }: { ctx: TrpcContext; input: unknown }): Promise<unknown> => {
      try {
        return await ctx.batch.answer(entry, () => dispatcher.dispatch(name, input ?? {}, ctx));
      } catch (cause) {
        throw outward(cause);
      }
    };
    return kind === 'query' ? asIs.query(resolve) : asIs.mutation(resolve);
  };
  const nouns = Map.groupBy(entries, (entry) => entry.name.split('.')[0] ?? '');
  const routers = [...nouns].map(([noun, verbs]) => [
    noun,
    t.router(Object.fromEntries(verbs.map((entry) => [entry.name.split('.')[1] ?? '', procedureOf(entry)]))),
  ]);
  return t.router(Object.fromEntries(routers));
}

function outward(cause: unknown): unknown {
  return cause instanceof SidecarError
    ? toTrpcError(cause)
    : cause instanceof TRPCError
      ? cause
      : new TRPCError({ code: 'INTERNAL_SERVER_ERROR' });
}
