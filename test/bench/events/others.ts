import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectSocket, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect as connectNats, type NatsConnection } from '@nats-io/transport-node';
import { createClient } from '@redis/client';

/** Another server that takes events. */
interface Publisher {
  publish(text: string): Promise<unknown>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** How another server is started; throws where it is not on the machine. */
export interface Other {
  readonly name: string;
  readonly note?: string;
  start(): Promise<Publisher>;
}

/** Servers to compare with, each started by the bench with the settings named. */
export const OTHERS: readonly Other[] = [
  {
    name: 'Redis Streams, appendfsync always',
    async start() {
      const settings = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '', '--bind', '127.0.0.1'];
      const server = await startProgram('redis-server', (port, dir) => [
        '--port',
        `${port}`,
        '--dir',
        dir,
        ...settings,
      ]);
      const client = createClient({ url: `redis://127.0.0.1:${server.port}` });
      await client.connect();
      return {
        publish: (text) => client.xAdd('bench', '*', { text }),
        async [Symbol.asyncDispose]() {
          client.destroy();
          await server.stop();
        },
      };
    },
  },
  {
    name: 'NATS JetStream, file storage',
    note: 'no fsync for each message',
    async start() {
      const { client, stop } = await startNats();
      await (await jetstreamManager(client)).streams.add({ name: 'bench', subjects: ['bench'] });
      const stream = jetstream(client);
      return { publish: (text) => stream.publish('bench', text), [Symbol.asyncDispose]: stop };
    },
  },
];

/** A stream in files and a push consumer for each subscriber, which delivers to `push.<n>` without acknowledgements. */
export async function startPush(subscribers: number): Promise<Publisher & { readonly url: string }> {
  const { client, url, stop } = await startNats();
  const manager = await jetstreamManager(client);
  await manager.streams.add({ name: 'bench', subjects: ['bench'] });
  for (let n = 0; n < subscribers; n += 1) {
    const [ack_policy, deliver_policy] = [AckPolicy.None, DeliverPolicy.New];
    await manager.consumers.add('bench', { deliver_subject: `push.${n}`, ack_policy, deliver_policy });
  }
  const stream = jetstream(client);
  return { url, publish: (text) => stream.publish('bench', text), [Symbol.asyncDispose]: stop };
}

async function startNats(): Promise<{ client: NatsConnection; url: string; stop: () => Promise<void> }> {
  const server = await startProgram('nats-server', (port, dir) => [
    '-js',
    '-sd',
    dir,
    '-p',
    `${port}`,
    '-a',
    '127.0.0.1',
  ]);
  const url = `127.0.0.1:${server.port}`;
  const client = await connectNats({ servers: url });
  return {
    client,
    url,
    async stop() {
      await client.close();
      await server.stop();
    },
  };
}

async function startProgram(
  name: string,
  argumentsFor: (port: number, dir: string) => string[],
): Promise<{ port: number; stop(): Promise<void> }> {
  const dir = mkdtempSync(join(tmpdir(), 'sidecar-bench-'));
  const port = await freePort();
  const child = spawn(name, argumentsFor(port, dir), { stdio: 'ignore' });
  const stop = async (): Promise<void> => {
    await end(child);
    rmSync(dir, { recursive: true, force: true });
  };
  const failed = once(child, 'error').then(() => false);
  if (!(await Promise.race([failed, answers(port)]))) {
    await stop();
    throw new Error(`${name} is not on this machine`);
  }
  return { port, stop };
}

async function answers(port: number): Promise<boolean> {
  for (let tries = 0; tries < 100; tries += 1) {
    const socket = connectSocket(port, '127.0.0.1');
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (open) return true;
    await sleep(50);
  }
  return false;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

/** A port that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
