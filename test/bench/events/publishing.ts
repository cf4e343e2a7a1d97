import { Agent, request } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { createSidecarClient } from '@orchestration-sidecar/sdk';
import { stockSocketClient } from '../../support/trpc-clients.ts';
import { leanRestClient, leanSocketClient, type LeanClient } from './clients.ts';
import { rateOf } from './load.ts';
import { OTHERS } from './others.ts';
import type { Report } from './report.ts';
import { PADDING, type Target } from './target.ts';

const PUBLISHERS = 119;
const BATCH_EVENTS = 500;
const BATCHES = 4;

/** Durable, acknowledged publishing by 119 at once, beside the store alone and beside other servers. */
export async function measurePublishing(target: Target, seconds: number, report: Report): Promise<void> {
  const add = (what: string, value: number, note?: string): void =>
    report.add({ part: 'publishing', what, value, unit: 'events/s', ...(note === undefined ? {} : { note }) });
  const draft = { event_type: 'bench', topic: 'implementation', data: { PADDING } };
  add('store alone: better-sqlite3, FULL, 119 rows a transaction', storeAlone(seconds));

  const single = JSON.stringify({ topic: 'implementation', data: { PADDING } });
  const lean = async (what: string, open: () => Promise<LeanClient>): Promise<void> => {
    const clients = await Promise.all(Array.from({ length: PUBLISHERS }, open));
    const beforeMs = target.cpuMs();
    let done = 0;
    const rate = await rateOf(PUBLISHERS, seconds, (n) => clients[n]?.publish().then(() => (done += 1)) ?? stopped());
    add(what, rate);
    report.add({
      part: 'publishing',
      what: '  CPU of the sidecar for each',
      value: ((target.cpuMs() - beforeMs) * 1000) / done,
      unit: 'µs',
    });
    for (const client of clients) client.close();
  };
  await lean('REST, one event each', () => leanRestClient(target, '/api/events/bench', single));
  await lean('tRPC over WebSocket, one event each', () => leanSocketClient(target, 'events.publish', draft));

  const agent = new Agent({ keepAlive: true, maxSockets: PUBLISHERS });
  const headers = { authorization: `Bearer ${target.token}`, 'content-type': 'application/json' };
  const post = (path: string, body: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const sent = request(new URL(path, target.url), { method: 'POST', agent, headers }, (answer) => {
        answer.resume().on('end', () => (answer.statusCode === 202 ? resolve() : reject(new Error('refused'))));
      });
      sent.on('error', reject).end(body);
    });
  add('REST, one event each', await rateOf(PUBLISHERS, seconds, () => post('/api/events/bench', single)), 'node:http');

  const sockets = Array.from({ length: PUBLISHERS }, () => stockSocketClient(target.url, target.token));
  add(
    'tRPC over WebSocket, one event each',
    await rateOf(PUBLISHERS, seconds, (n) => sockets[n]?.client.mutation('events.publish', draft) ?? stopped()),
    'stock @trpc/client',
  );
  for (const socket of sockets) await socket.close();

  const clients = Array.from({ length: PUBLISHERS }, () =>
    createSidecarClient({ url: target.url, token: target.token }),
  );
  add(
    'SDK, one event each',
    await rateOf(PUBLISHERS, seconds, (n) => clients[n]?.events.publish(draft) ?? stopped()),
    'with an idempotency key each',
  );
  for (const client of clients) client.close();

  const many = JSON.stringify({ events: Array.from({ length: BATCH_EVENTS }, () => draft) });
  const batches = await rateOf(BATCHES, seconds, () => post('/api/events', many));
  add(`publishMany over REST, ${BATCH_EVENTS} events each, ${BATCHES} at once`, batches * BATCH_EVENTS);
  agent.destroy();

  for (const other of OTHERS) {
    try {
      await using publisher = await other.start();
      add(other.name, await rateOf(PUBLISHERS, seconds, () => publisher.publish(JSON.stringify(draft))), other.note);
    } catch (cause) {
      report.skip(`${other.name}: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
  }
}

/** There is a client for every loop. */
const stopped = (): Promise<never> => Promise.reject(new RangeError('no client'));

function storeAlone(seconds: number): number {
  const directory = mkdtempSync(join(tmpdir(), 'sidecar-bench-'));
  const database = new Sqlite(join(directory, 'alone.db'));
  try {
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.exec('create table log (id integer primary key, project text, sequence integer, body text)');
    const insert = database.prepare('insert into log (project, sequence, body) values (?, ?, ?)');
    const body = JSON.stringify({ data: 'x'.repeat(580) });
    let rows = 0;
    const commit = database.transaction(() => {
      for (let n = 0; n < PUBLISHERS; n += 1) insert.run('p', (rows += 1), body);
    });
    const startMs = performance.now();
    while (performance.now() - startMs < seconds * 1000) commit();
    return (rows * 1000) / (performance.now() - startMs);
  } finally {
    database.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
