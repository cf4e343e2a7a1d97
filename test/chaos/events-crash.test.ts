import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { startServer, type ServerUnderTest } from '../support/server-process.ts';

/** Every round kills the server once. `CRASH_ROUNDS=50` is what a release has to pass. */
const ROUNDS = Number(process.env['CRASH_ROUNDS'] ?? 4);
const PUBLISHERS = 16;
/** Chosen once; another seed is another course of crashes. */
const SEED = 20_261_123;

test(
  `a server killed under load from ${PUBLISHERS} publishers, ${ROUNDS} times: every acknowledged event is there, once and in order`,
  async () => {
    const random = seeded(SEED);
    const server = await startServer();
    const acknowledged = new Map<string, { cursor: string; key: string }>();
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        const dying = { dead: false };
        const publishers = Array.from({ length: PUBLISHERS }, (_, n) =>
          publish(server, `${round}.${n}`, acknowledged, dying),
        );
        await sleep(100 + random() * 500);
        dying.dead = true;
        await server.kill();
        await Promise.all(publishers);
        expect(integrityOf(server)).toBe('ok');
        await server.start();
        await checkLog(server, acknowledged);
      }
      expect(acknowledged.size).toBeGreaterThan(ROUNDS * PUBLISHERS);
    } finally {
      await server.stop();
    }
  },
  60_000 + ROUNDS * 15_000,
);

/** Publishes one after the other, singly and in batches, and notes what was acknowledged. */
async function publish(
  server: ServerUnderTest,
  name: string,
  acknowledged: Map<string, { cursor: string; key: string }>,
  dying: { readonly dead: boolean },
): Promise<void> {
  const event = (key: string) => ({
    event_type: 'crash',
    topic: 'implementation',
    data: { key, padding: 'x'.repeat(400) },
  });
  for (let n = 0; !dying.dead; n += 1) {
    const keys = n % 4 === 3 ? Array.from({ length: 5 }, (_, index) => `${name}.${n}.${index}`) : [`${name}.${n}`];
    const answer = await server
      .call('POST', '/api/events', { body: { events: keys.map(event) } })
      .catch(() => undefined);
    if (answer?.status !== 202) continue;
    answer.body.published.forEach(({ event_id: id, cursor }: { event_id: string; cursor: string }, index: number) =>
      acknowledged.set(id, { cursor, key: keys[index] ?? '' }),
    );
  }
}

async function checkLog(
  server: ServerUnderTest,
  acknowledged: ReadonlyMap<string, { cursor: string; key: string }>,
): Promise<void> {
  const log = new Map<string, { cursor: string; key: string }>();
  const cursors: number[] = [];
  for (let after = ''; ;) {
    const { body } = await server.call('GET', `/api/events?event_type=crash&limit=1000${after}`);
    for (const { event_id: id, cursor, data } of body.events) {
      expect(log.has(id)).toBe(false);
      log.set(id, { cursor, key: data.key });
      cursors.push(Number(cursor.split('.')[1]));
    }
    if (!body.more_available) break;
    after = `&after=${body.next_cursor}`;
  }
  expect(cursors).toEqual(cursors.toSorted((a, b) => a - b));
  for (const [id, stored] of acknowledged) expect(log.get(id)).toEqual(stored);
}

function integrityOf(server: ServerUnderTest): unknown {
  const database = new Sqlite(join(server.dataDir, 'sidecar.db'));
  try {
    return database.pragma('integrity_check', { simple: true });
  } finally {
    database.close();
  }
}

/** Numbers from 0 up to 1, the same for the same seed (a linear congruential generator). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}
