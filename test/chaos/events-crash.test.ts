import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { startServer, type ServerUnderTest } from '../support/server-process.ts';

/** Every round kills the server once. `.ci/run` asks for 50; `CRASH_ROUNDS=500` is a night’s work. */
const ROUNDS = Number(process.env['CRASH_ROUNDS'] ?? 10);
const PUBLISHERS = 16;
/** Requests that are answered in a round, at most, before the server is killed. */
const MAX_ANSWERS = 200;
/** The kill comes up to this long after the answer that decides on it, so that it does not always follow a commit. */
const MAX_DELAY_MS = 20;
/** Chosen once; another seed is another course of crashes. */
const SEED = 20_261_123;

/** An event as it was acknowledged, and as the log has it. */
interface Stored {
  readonly cursor: string;
  readonly key: string;
}
/** A request on its way, to be sent again until it is answered. */
interface Attempt {
  readonly idempotencyKey: string;
  readonly keys: readonly string[];
}

test(
  `a server killed under load from ${PUBLISHERS} publishers, ${ROUNDS} times: every event is there, once and in order`,
  async () => {
    const random = seeded(SEED);
    const server = await startServer();
    const acknowledged = new Map<string, Stored>();
    const publishers = Array.from({ length: PUBLISHERS }, (_, n) => new Publisher(server, `${n}`));
    const known = new Map<string, Stored>();
    let [after, head] = ['', 0];
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        const answers = 1 + Math.floor(random() * MAX_ANSWERS);
        const fresh = new Map<string, Stored>();
        const killing = new AbortController();
        const killed = Promise.withResolvers<void>();
        let left = answers;
        const answered = (id: string, event: Stored): void => {
          fresh.set(id, event);
          left -= 1;
          if (left !== 0) return;
          void sleep(random() * MAX_DELAY_MS)
            .then(() => {
              killing.abort();
              return server.kill();
            })
            .then(killed.resolve, killed.reject);
        };
        await Promise.all([killed.promise, ...publishers.map((each) => each.publish(answered, killing.signal))]);
        expect(integrityOf(server)).toBe('ok');
        await server.start();
        const log = await readLog(server, after);
        for (const [id, event] of log.events) known.set(id, event);
        for (const [id, event] of fresh) {
          expect(known.get(id)).toEqual(event);
          acknowledged.set(id, event);
        }
        expect(log.sequences).toEqual(log.sequences.map((_, index) => head + index + 1));
        [after, head] = [log.next, head + log.sequences.length];
      }
      // Whoever got no answer sends the same again under the same key: it happens once, however it was interrupted.
      const answered = (id: string, event: Stored): void => void acknowledged.set(id, event);
      await Promise.all(publishers.map((each) => each.finish(answered)));
      const { events } = await readLog(server, '');
      for (const [id, event] of acknowledged) expect(events.get(id)).toEqual(event);
      const keys = [...events.values()].map(({ key }) => key);
      expect(new Set(keys).size).toBe(keys.length);
      expect(keys.toSorted()).toEqual(publishers.flatMap(({ sent }) => sent).toSorted());
    } finally {
      await server.stop();
    }
  },
  60_000 + ROUNDS * 15_000,
);

/** Publishes one after the other, singly and in batches; what gets no answer is sent again. */
class Publisher {
  /** Keys of everything that was sent. */
  readonly sent: string[] = [];
  readonly #server: ServerUnderTest;
  readonly #name: string;
  #count = 0;
  #unanswered: Attempt | undefined;

  constructor(server: ServerUnderTest, name: string) {
    this.#server = server;
    this.#name = name;
  }

  async publish(answered: (id: string, event: Stored) => void, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      this.#unanswered ??= this.#next();
      await this.#send(this.#unanswered, answered);
    }
  }

  /** Sends what got no answer. */
  async finish(answered: (id: string, event: Stored) => void): Promise<void> {
    if (this.#unanswered) await this.#send(this.#unanswered, answered);
    expect(this.#unanswered).toBeUndefined();
  }

  #next(): Attempt {
    const name = `${this.#name}.${(this.#count += 1)}`;
    const keys = this.#count % 4 === 3 ? Array.from({ length: 5 }, (_, index) => `${name}.${index}`) : [name];
    this.sent.push(...keys);
    return { idempotencyKey: name, keys };
  }

  async #send({ idempotencyKey, keys }: Attempt, answered: (id: string, event: Stored) => void): Promise<void> {
    const events = keys.map((key) => ({
      event_type: 'crash',
      topic: 'implementation',
      data: { key, padding: 'x'.repeat(400) },
    }));
    const body = { events, idempotency_key: idempotencyKey };
    const answer = await this.#server.call('POST', '/api/events', { body }).catch(() => undefined);
    if (!answer) return;
    expect(answer.status).toBe(202);
    this.#unanswered = undefined;
    answer.body.published.forEach(({ event_id: id, cursor }: { event_id: string; cursor: string }, index: number) =>
      answered(id, { cursor, key: keys[index] ?? '' }),
    );
  }
}

/** The log after a cursor: its events by id, and the sequences of all. */
async function readLog(
  server: ServerUnderTest,
  after: string,
): Promise<{ events: Map<string, Stored>; sequences: number[]; next: string }> {
  const events = new Map<string, Stored>();
  const sequences: number[] = [];
  for (let next = after; ;) {
    const from = next === '' ? '' : `&after=${next}`;
    const { body } = await server.call('GET', `/api/events?event_type=crash&limit=1000${from}`);
    for (const { event_id: id, cursor, data } of body.events) {
      expect(events.has(id)).toBe(false);
      events.set(id, { cursor, key: data.key });
      sequences.push(Number(cursor.split('.')[1]));
    }
    next = body.next_cursor;
    if (!body.more_available) return { events, sequences, next };
  }
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
