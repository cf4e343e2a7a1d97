import { createSidecarClient, isGapError, SidecarError, type SidecarEvent } from '@orchestration-sidecar/sdk';
import type { AppRouter } from '@orchestration-sidecar/sdk/router';
import type { Script, TestSidecar } from '@orchestration-sidecar/sdk/testing';
import { createTRPCClient, httpLink } from '@trpc/client';
import superjson from 'superjson';

// What a user of the packages writes: checked against their declarations, and run on every runtime.
declare const process: { env: Record<string, string | undefined>; exitCode?: number };
declare const console: { log(text: string): void };

const client = createSidecarClient();
const { service } = await client.system.health();
const published = await client.events.publish({ event_type: 'hello', data: { from: 'consumer' } });
const followed: SidecarEvent[] = [];
for await (const event of client.events.subscribe({ event_type: 'hello' })) {
  followed.push(event);
  if (event.event_id === published.event_id) break;
}
const refused: unknown = await client.issues.get({ issue_id: 'nope' }).catch((error: unknown) => error);
if (!(refused instanceof SidecarError) || isGapError(refused)) throw new Error('not the error it should be');

const trpc = createTRPCClient<AppRouter>({
  links: [
    httpLink({
      url: `${client.url}/trpc`,
      transformer: superjson,
      headers: { authorization: `Bearer ${process.env['JWT_TOKEN']}` },
    }),
  ],
});
const page = await trpc.events.list.query({ event_type: 'hello' });
client.close();

export const script: Script = [{ publish: 'hello' }, { result: { status: 'success' } }];
export type Harness = Pick<TestSidecar, 'agent' | 'client'>;

console.log(
  JSON.stringify({ service, followed: followed.at(-1)?.data, listed: page.events.length > 0, code: refused.code }),
);
