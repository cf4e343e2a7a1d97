import { createTRPCClient, createWSClient, httpBatchLink, splitLink, TRPCClientError, wsLink } from '@trpc/client';
import superjson from 'superjson';
import { WebSocket as WsWebSocket } from 'ws';
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import type { inferRouterInputs, inferRouterOutputs } from '@trpc/server';
import { fromProblem, type Contract, type InputOf, type OutputOf, type Problem, type SidecarEvent } from './index.ts';
import type { AppRouter } from './router.ts';
import { startTestSidecar, until, type TestSidecar } from './test-sidecar.ts';

type Inputs = inferRouterInputs<AppRouter>;
type Outputs = inferRouterOutputs<AppRouter>;

let sidecar: TestSidecar;

beforeAll(async () => {
  sidecar = await startTestSidecar();
}, 90_000);

afterAll(() => sidecar.stop());

/** A client of tRPC’s own making: nothing of ours but the router’s type. */
function stockClient() {
  const { url, operatorToken: token } = sidecar;
  const socket = createWSClient({
    url: `${url.replace('http', 'ws')}/trpc`,
    WebSocket: WsWebSocket as unknown as typeof WebSocket,
    connectionParams: { token },
  });
  const client = createTRPCClient<AppRouter>({
    links: [
      splitLink({
        condition: (operation) => operation.type === 'subscription',
        true: wsLink({ client: socket, transformer: superjson }),
        false: httpBatchLink({
          url: `${url}/trpc`,
          transformer: superjson,
          headers: { authorization: `Bearer ${token}` },
        }),
      }),
    ],
  });
  return { client, close: () => socket.close() };
}

describe('a stock tRPC client with the router’s type', () => {
  it('knows the inputs and outputs of the contract', () => {
    expectTypeOf<Inputs['results']['store']>().toEqualTypeOf<InputOf<Contract['results']['store']>>();
    expectTypeOf<Outputs['results']['store']>().toEqualTypeOf<OutputOf<Contract['results']['store']>>();
    expectTypeOf<Inputs['events']['publish']['event_type']>().toEqualTypeOf<string>();
    expectTypeOf<Outputs['events']['wait']['events']>().toEqualTypeOf<SidecarEvent[]>();
    expectTypeOf<Outputs['system']['health']['status']>().toEqualTypeOf<'healthy' | 'degraded' | 'unhealthy'>();
    expectTypeOf<keyof Inputs>().toEqualTypeOf<keyof Contract>();
    // @ts-expect-error `title` is required
    expectTypeOf<{ body: string }>().toExtend<Inputs['issues']['create']>();
    // @ts-expect-error a query is not a mutation
    expectTypeOf<ReturnType<typeof stockClient>['client']['system']['health']>().toHaveProperty('mutate');
  });

  it('calls queries and mutations, in batches too', async () => {
    const { client, close } = stockClient();
    const [health, issue] = await Promise.all([
      client.system.health.query({}),
      client.issues.create.mutate({ title: 'Stock' }),
    ]);
    expect(health.service).toBe('orchestration-sidecar');
    expect(await client.issues.get.query({ issue_id: issue.issue_id })).toEqual(issue);
    await close();
  });

  it('finds the problem document in its errors', async () => {
    const { client, close } = stockClient();
    const error = await client.issues.get.query({ issue_id: 'unknown' }).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(TRPCClientError);
    const { data } = error as TRPCClientError<AppRouter>;
    expectTypeOf<NonNullable<typeof data>['problem']>().toEqualTypeOf<Problem>();
    expect(fromProblem(data?.problem)).toMatchObject({ code: 'ISSUE_NOT_FOUND' });
    await close();
  });

  it('subscribes, with tracked items', async () => {
    const { client, close } = stockClient();
    const seen: unknown[] = [];
    const subscription = client.events.subscribe.subscribe(
      { event_type: 'stock' },
      {
        onData(item) {
          expectTypeOf(item).toEqualTypeOf<{ id: string; data: SidecarEvent }>();
          seen.push([item.id === item.data.cursor, item.data.data]);
        },
      },
    );
    await client.events.publish.mutate({ event_type: 'stock', data: { n: 1 } });
    await until(() => seen.length === 1);
    expect(seen).toEqual([[true, { n: 1 }]]);
    subscription.unsubscribe();
    await close();
  });
});
