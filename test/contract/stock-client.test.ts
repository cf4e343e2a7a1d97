import { procedures, type Procedure } from '@orchestration-sidecar/shared';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { liveInputs, type LiveInputs } from '../support/live-inputs.ts';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';
import { stockHttpClient, stockSocketClient, type StockClient } from '../support/trpc-clients.ts';

let sidecar: SidecarUnderTest;
let inputs: LiveInputs;
beforeAll(async () => {
  sidecar = await startForTest();
  inputs = liveInputs(sidecar);
});
afterAll(() => sidecar[Symbol.asyncDispose]());

/** The answer of a procedure; of a subscription its first event. */
async function ask({ client }: StockClient, entry: Procedure, input: unknown): Promise<unknown> {
  if (entry.kind === 'query') return client.query(entry.name, input);
  if (entry.kind === 'mutation') return client.mutation(entry.name, input);
  return new Promise((resolve, reject) => {
    const subscription = client.subscription(entry.name, input, {
      onData: (event) => {
        subscription.unsubscribe();
        resolve(typeof event === 'object' && event !== null && 'data' in event ? event.data : event);
      },
      onError: reject,
    });
  });
}

describe.each([
  ['over HTTP', stockHttpClient],
  ['over WebSocket', stockSocketClient],
])('a stock tRPC client %s', (_door, connect) => {
  test.each(procedures.map((entry) => [entry.name, entry] as const))('can do %s', async (_name, entry) => {
    const { input, token } = await inputs.of(entry);
    const stock = connect(sidecar.url, token ?? sidecar.operatorToken);
    try {
      const parsed = entry.output.safeParse(await ask(stock, entry, input));
      expect(parsed.error?.issues).toBeUndefined();
    } finally {
      await stock.close();
    }
  });
});
