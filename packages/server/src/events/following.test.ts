import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SidecarError } from '@orchestration-sidecar/shared';
import type { EventEntry } from './event-entry.ts';
import type { Sink } from './fan-out.ts';
import { TestBus } from './test-bus.ts';

/** A socket that takes a few writes and then waits to be drained. */
class PacedSink implements Sink {
  readonly format = 'numbers';
  readonly received: number[] = [];
  encoded = 0;
  readonly #maxWrites: number;
  #writes = 0;
  #drain: (() => void) | undefined;

  constructor(maxWrites: number) {
    this.#maxWrites = maxWrites;
  }

  encode(entries: readonly EventEntry[]): Uint8Array {
    this.encoded += 1;
    return Buffer.from(JSON.stringify(entries.map(({ sequence }) => sequence)));
  }

  get hasRoom(): boolean {
    return this.#writes < this.#maxWrites;
  }

  write(bytes: Uint8Array): void {
    expect(this.hasRoom).toBe(true);
    this.#writes += 1;
    this.received.push(...(JSON.parse(Buffer.from(bytes).toString()) as number[]));
  }

  drained(signal: AbortSignal): Promise<void> {
    if (this.hasRoom || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drain = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  drain(): void {
    this.#writes = 0;
    this.#drain?.();
  }
}

/** A client: connects from where it is, is cut off, comes back, and goes on behind a gap that it was told of. */
class Client {
  /** What it was sent, and what it was told it would not get. */
  readonly received: number[] = [];
  readonly missed = new Set<number>();
  readonly #bus: TestBus;
  readonly #eventType: string;
  #sink = new PacedSink(1);
  #sequence = 0;
  #stop = new AbortController();
  #over: Promise<void> = Promise.resolve();

  constructor(bus: TestBus, eventType: string) {
    this.#bus = bus;
    this.#eventType = eventType;
  }

  connect(maxWrites: number): void {
    this.#sink = new PacedSink(maxWrites);
    this.#stop = new AbortController();
    this.#over = this.#follow(this.#sink, this.#stop.signal);
  }

  drain(): void {
    this.#sink.drain();
  }

  async disconnect(): Promise<void> {
    this.#stop.abort();
    await this.#over;
    this.received.push(...this.#sink.received.splice(0));
    this.#sequence = Math.max(this.#sequence, this.received.at(-1) ?? 0);
  }

  async #follow(sink: PacedSink, signal: AbortSignal): Promise<void> {
    const { log, bus } = this.#bus;
    while (!signal.aborted) {
      try {
        const reading = { projectId: 'p', eventType: this.#eventType, agentType: null };
        await bus.follow({ ...reading, cursor: log.cursor(this.#sequence) }, signal).pour(sink);
      } catch (cause) {
        if (!(cause instanceof SidecarError) || cause.code !== 'CURSOR_EXPIRED') throw cause;
        const oldest = Number(String(cause.extension['oldest_cursor']).split('.')[1]);
        // Only what was trimmed may be missed, and the answer leads on.
        expect(oldest).toBeLessThanOrEqual(log.trimmed('p'));
        const reached = Math.max(this.#sequence, sink.received.at(-1) ?? 0);
        expect(oldest).toBeGreaterThan(reached);
        for (let n = reached + 1; n <= oldest; n += 1) this.missed.add(n);
        this.#sequence = oldest;
      }
    }
  }
}

const turn = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));

test('of any publishes, full sockets, disconnects, trims and restarts: every event once and in order, or a gap that was told', async () => {
  const CLIENTS = 3;
  const client = fc.nat(CLIENTS - 1);
  const action = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('publish' as const),
        types: fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 300 }),
      }),
    },
    { weight: 5, arbitrary: fc.constant({ kind: 'turn' as const }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('drain' as const), client }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('reconnect' as const), client, writes: fc.integer({ min: 1, max: 4 }) }),
    },
    { weight: 2, arbitrary: fc.constant({ kind: 'sweep' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 60 }), fc.constantFrom(100, 100_000), async (actions, maxEvents) => {
      using bus = new TestBus(maxEvents);
      const published: string[] = [];
      const wanted = ['*', '*', 'a'];
      const clients = wanted.map((eventType) => new Client(bus, eventType));
      for (const each of clients) each.connect(2);
      for (const step of actions) {
        if (step.kind === 'publish') {
          await Promise.all(step.types.map((type) => bus.publish(type)));
          published.push(...step.types);
        } else if (step.kind === 'turn') await turn();
        else if (step.kind === 'drain') clients[step.client]?.drain();
        else if (step.kind === 'reconnect') {
          await clients[step.client]?.disconnect();
          clients[step.client]?.connect(step.writes);
        } else if (step.kind === 'sweep') await bus.retention.sweep();
        else {
          for (const each of clients) await each.disconnect();
          bus.restart();
          for (const each of clients) each.connect(1);
        }
        // Within one turn of the event loop a commit is gathered and not yet told: readers come and go there too.
        for (let n = 0; n < 10; n += 1) await Promise.resolve();
      }
      for (const each of clients) {
        await each.disconnect();
        each.connect(Infinity);
      }
      for (let n = 0; n < 20 + published.length / 50; n += 1) await turn();
      for (const [index, each] of clients.entries()) {
        await each.disconnect();
        const expected = published
          .map((type, place) => ({ type, sequence: place + 1 }))
          .filter(
            ({ type, sequence }) => (wanted[index] === '*' || type === wanted[index]) && !each.missed.has(sequence),
          )
          .map(({ sequence }) => sequence);
        expect(each.received).toEqual(expected);
      }
    }),
    { numRuns: 60 },
  );
});

test('readers that are behind are caught up with the same bytes', async () => {
  using bus = new TestBus();
  await Promise.all(Array.from({ length: 1000 }, () => bus.publish('e')));
  const stop = new AbortController();
  const [first, second] = [new PacedSink(Infinity), new PacedSink(Infinity)];
  const pour = (sink: Sink, after: number): Promise<void> =>
    bus.bus.follow({ projectId: 'p', agentType: null, cursor: bus.log.cursor(after) }, stop.signal).pour(sink);
  const pours = [pour(first, 0), pour(second, 100)];
  await expect.poll(() => [first.received.length, second.received.length]).toEqual([1000, 900]);
  stop.abort();
  await Promise.all(pours);
  // The page that the second one starts within is its own; three of four it shares.
  expect(first.encoded + second.encoded).toBe(5);
  expect(second.received).toEqual(first.received.slice(100));
});

test('regression: a wait said that nothing more was there when the next match was a thousand events ahead', async () => {
  using bus = new TestBus();
  const types = ['a', ...Array.from({ length: 1200 }, () => 'b'), 'a'];
  await Promise.all(types.map((type) => bus.publish(type)));
  const wait = async (over: { eventType?: string; filter?: string; cursor?: string }) => {
    const reading = { projectId: 'p', agentType: null, timeoutMs: 0, limit: 1, ...over };
    const {
      events,
      more_available: more,
      next_cursor: cursor,
    } = await bus.bus.wait(reading, new AbortController().signal);
    return { events: events.length, more, cursor };
  };
  for (const interest of [{ eventType: 'a' }, { filter: 'event_type:a' }]) {
    const first = await wait(interest);
    expect(first).toMatchObject({ events: 1, more: true });
    expect(await wait({ ...interest, cursor: first.cursor })).toMatchObject({ events: 1, more: false });
  }
});

test('regression: a short wait ended before it had read what is kept, and said that there was nothing', async () => {
  using bus = new TestBus();
  await Promise.all(Array.from({ length: 1000 }, () => bus.publish('b')));
  await bus.publish('a');
  const reading = { projectId: 'p', agentType: null, timeoutMs: 0, limit: 1 };
  const answers = ['event_type:a', 'event_type:c'].map((filter) =>
    bus.bus.wait({ ...reading, filter }, new AbortController().signal),
  );
  bus.clock.advance(0);
  expect(await Promise.all(answers)).toMatchObject([
    { events: [{ event_type: 'a' }], timeout: false },
    { events: [], more_available: false, timeout: true, next_cursor: bus.log.cursor(1001) },
  ]);
});
