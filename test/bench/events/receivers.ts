import { once } from 'node:events';
import { connect as connectNats } from '@nats-io/transport-node';
import { WebSocket } from 'ws';
import { stockSocketClient } from '../../support/trpc-clients.ts';

/**
 * Subscribers in a process of their own: `receivers.ts <kind> <url> <token> <count> <batch> <first>`. Told `count`, they start counting;
 * told `report`, they say how many events have come. Of events that carry `sentMs` they keep how long those took.
 */
const [kind = '', url = '', token = '', count = '1'] = process.argv.slice(2);
/** Events in one message of the batched broadcast. */
const RAW_BATCH_EVENTS = Number(process.argv[6] ?? 1);
/** Number of the first subscriber here, where they are known by numbers. */
const FIRST = Number(process.argv[7] ?? 0);
let received = 0;
let latencies: number[] = [];

const note = (sentMs: unknown): void => {
  received += 1;
  if (typeof sentMs === 'number') latencies.push(Number(process.hrtime.bigint()) / 1e6 - sentMs);
};

for (let n = 0; n < Number(count); n += 1) {
  if (kind.startsWith('stock')) await subscribeStock();
  else if (kind === 'push') await subscribePush(`push.${FIRST + n}`);
  else await subscribePlain();
}
process.on('message', (message) => {
  if (message === 'count') {
    received = 0;
    latencies = [];
  } else process.send?.({ name: 'counted', count: received, latencies });
});
process.on('disconnect', () => process.exit());
process.send?.({ name: 'ready' });

interface Timed {
  readonly data: { readonly sentMs?: number };
}

interface Tracked {
  readonly result: {
    readonly data: { readonly json: { readonly data: { readonly data: { readonly sentMs?: number } } } };
  };
}

async function subscribeStock(): Promise<void> {
  const { client } = stockSocketClient(url, token);
  await new Promise<void>((resolve) => {
    const inLists = kind === 'stock-lists';
    client.subscription(
      inLists ? 'events.subscribeMany' : 'events.subscribe',
      { cursor: 'latest' },
      {
        onStarted: () => resolve(),
        onData: (tracked: unknown) => {
          const { data } = tracked as { data: Timed | readonly Timed[] };
          for (const event of [data].flat()) note(event.data.sentMs);
        },
      },
    );
  });
}

async function subscribePush(subject: string): Promise<void> {
  const client = await connectNats({ servers: url });
  client.subscribe(subject, { callback: () => note(undefined) });
  await client.flush();
}

async function subscribePlain(): Promise<void> {
  const isRaw = kind.startsWith('raw');
  const client = new WebSocket(isRaw ? url : `${url.replace('http', 'ws')}/trpc`, {
    perMessageDeflate: false,
    headers: { authorization: `Bearer ${token}` },
  });
  await once(client, 'open');
  if (!isRaw) {
    const input = { json: { cursor: 'latest' } };
    client.send(JSON.stringify({ id: 1, method: 'subscription', params: { path: 'events.subscribe', input } }));
    await once(client, 'message');
  }
  client.on('message', (data: Buffer) => {
    if (kind === 'raw-batched') received += RAW_BATCH_EVENTS;
    else if (kind === 'parsed' || kind === 'raw-corked-parsed')
      note((JSON.parse(data.toString()) as Tracked).result.data.json.data.data.sentMs);
    else if (kind !== 'raw-parsed') note(undefined);
    else note((JSON.parse(data.toString()) as { sentMs?: number }).sentMs);
  });
}
