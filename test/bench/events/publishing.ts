import { Agent, request } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { createSidecarClient } from '@orchestration-sidecar/sdk';
import { stockSocketClient } from '../../support/trpc-clients.ts';
import { leanRestClient, leanSocketClient } from './clients.ts';
import { rateOf } from './load.ts';
import { freePort, OTHERS } from './others.ts';
import { startPostgres } from './postgres.ts';
import type { Report } from './report.ts';
import { PADDING, type Target } from './target.ts';

const PUBLISHERS = 119;
const BATCH_EVENTS = 500;
const BATCHES = 4;
/** PostgreSQL starts a process for each connection: with few of them it gets further. */
const FEW_CONNECTIONS = 20;

/** A way to publish: `inFlight` loops of a call that is acknowledged. */
interface Course {
  readonly what: string;
  readonly inFlight?: number;
  /** Events that one call publishes. */
  readonly events?: number;
  readonly note?: string;
  readonly call: (loop: number) => Promise<unknown>;
}

/**
 * Durable, acknowledged publishing by 119 at once, beside the store alone and beside other servers. All clients are in
 * this process, the sidecar is in another: how the cores are shared stands beside each rate.
 */
export async function measurePublishing(target: Target, seconds: number, report: Report): Promise<void> {
  const add = (what: string, value: number, unit = 'events/s', note?: string): void =>
    report.add({ part: 'publishing', what, value, unit, ...(note === undefined ? {} : { note }) });
  const draft = { event_type: 'bench', topic: 'implementation', data: { PADDING } };
  const single = JSON.stringify({ topic: 'implementation', data: { PADDING } });
  add('store alone: better-sqlite3, FULL, 119 rows a transaction', storeAlone(seconds));

  const measure = async ({ what, inFlight = PUBLISHERS, events = 1, note, call }: Course): Promise<void> => {
    const [startMs, sidecarMs, own] = [performance.now(), target.cpuMs(), process.cpuUsage()];
    const rate = (await rateOf(inFlight, seconds, call)) * events;
    const elapsedMs = performance.now() - startMs;
    const sidecarCores = (target.cpuMs() - sidecarMs) / elapsedMs;
    const { user, system } = process.cpuUsage(own);
    const cores = `cores: sidecar ${sidecarCores.toFixed(2)}, clients ${((user + system) / 1000 / elapsedMs).toFixed(2)}`;
    add(what, rate, 'events/s', note === undefined ? cores : `${note}; ${cores}`);
    if (sidecarCores > 0.1) add('  CPU of the sidecar for each', (sidecarCores * 1_000_000) / rate, 'µs');
  };

  for (const [what, open] of [
    ['REST, one event each', () => leanRestClient(target, '/api/events/bench', single)],
    ['tRPC over WebSocket, one event each', () => leanSocketClient(target, 'events.publish', draft)],
  ] as const) {
    const clients = await Promise.all(Array.from({ length: PUBLISHERS }, open));
    await measure({ what, call: (n) => clients[n]?.publish() ?? stopped() });
    for (const client of clients) client.close();
  }

  // Beside what it is compared with: what else the machine does changes while a bench runs.
  const text = JSON.stringify({ ...draft, data: { PADDING: PADDING.repeat(2) } });
  try {
    for (const connections of [PUBLISHERS, FEW_CONNECTIONS]) {
      const what = `PostgreSQL, one row an insert, ${connections} connections`;
      await using postgres = await startPostgres(await freePort(), connections);
      const statement = { name: 'insert', text: 'insert into events (body) values ($1) returning id' };
      const call = (): Promise<unknown> => postgres.pool.query({ ...statement, values: [text] });
      await measure({ what, note: '`pg`', call });
      const rate = postgres.rateOfPgbench(connections, seconds, text);
      if (rate !== undefined) add(what, rate, 'events/s', 'pgbench, a client in C');
    }
  } catch (cause) {
    report.skip(`PostgreSQL: ${cause instanceof Error ? cause.message : String(cause)}`);
  }

  const agent = new Agent({ keepAlive: true, maxSockets: PUBLISHERS });
  const headers = { authorization: `Bearer ${target.token}`, 'content-type': 'application/json' };
  const post = (path: string, body: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const sent = request(new URL(path, target.url), { method: 'POST', agent, headers }, (answer) => {
        answer.resume().on('end', () => (answer.statusCode === 202 ? resolve() : reject(new Error('refused'))));
      });
      sent.on('error', reject).end(body);
    });
  await measure({ what: 'REST, one event each', note: 'node:http', call: () => post('/api/events/bench', single) });

  const sockets = Array.from({ length: PUBLISHERS }, () => stockSocketClient(target.url, target.token));
  await measure({
    what: 'tRPC over WebSocket, one event each',
    note: 'stock @trpc/client',
    call: (n) => sockets[n]?.client.mutation('events.publish', draft) ?? stopped(),
  });
  for (const socket of sockets) await socket.close();

  for (const calls of ['http', 'websocket'] as const) {
    const clients = Array.from({ length: PUBLISHERS }, () =>
      createSidecarClient({ url: target.url, token: target.token, calls }),
    );
    await measure({
      what: `SDK, one event each, calls: '${calls}'`,
      note: 'with an idempotency key each',
      call: (n) => clients[n]?.events.publish(draft) ?? stopped(),
    });
    for (const client of clients) client.close();
  }

  const many = JSON.stringify({ events: Array.from({ length: BATCH_EVENTS }, () => draft) });
  await measure({
    what: `publishMany over REST, ${BATCH_EVENTS} events each, ${BATCHES} at once`,
    inFlight: BATCHES,
    events: BATCH_EVENTS,
    call: () => post('/api/events', many),
  });
  agent.destroy();

  for (const other of OTHERS) {
    try {
      await using publisher = await other.start();
      const { name: what, note } = other;
      await measure({ what, ...(note === undefined ? {} : { note }), call: () => publisher.publish(text) });
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
