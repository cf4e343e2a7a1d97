import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventLog, EventLogMirror } from '../events/index.ts';
import { ResultMirror, ResultStore } from '../results/index.ts';
import { CircuitBreakers } from '../runtime/circuit-breakers.ts';
import { FakeClock } from '../runtime/fake-clock.ts';
import { createIds } from '../runtime/ids.ts';
import { openTemporaryStore, type TemporaryStore } from '../storage/temporary-store.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { Mirrors } from './mirrors.ts';

const PROJECTS = ['shop', 'shop-2'] as const;
const AGENT_TYPES = ['rust-pro', 'test-engineer'] as const;

/** A store and its mirrors, with everything that happens to them. */
class World {
  readonly #temporary: TemporaryStore;
  readonly #clock = new FakeClock();
  readonly #log: EventLog;
  readonly #results: ResultStore;
  readonly #root: string;
  readonly #eventLog: string;
  #open: { readonly results: ResultMirror; readonly eventLog: EventLogMirror; readonly mirrors: Mirrors };
  #count = 0;

  constructor(temporary: TemporaryStore) {
    this.#temporary = temporary;
    const { database, directory } = temporary;
    const nowMs = (): number => this.#clock.nowMs();
    this.#log = new EventLog({ database, ids: createIds(nowMs), nowMs });
    this.#results = new ResultStore(database);
    this.#root = join(directory, 'results');
    this.#eventLog = join(directory, 'events', 'event-log.jsonl');
    mkdirSync(this.#root);
    mkdirSync(dirname(this.#eventLog));
    this.#open = this.#openMirrors();
  }

  async publish(projectId: string, count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) {
      await this.#temporary.writer.write((transaction) =>
        this.#log.append(transaction, {
          projectId,
          eventType: 'tick',
          topic: 'implementation',
          publisher: 'a',
          publisherType: 'rust-pro',
          data: { n: (this.#count += 1) },
        }),
      );
    }
  }

  /** Takes the oldest events of a project out of the log, as age and number do. */
  async trim(projectId: string, kept: number): Promise<void> {
    await this.#temporary.writer.write((transaction) => {
      this.#log.remove(transaction, projectId, this.#log.surplus(projectId, kept, 100));
    });
  }

  async store(projectId: string, agentType: string): Promise<void> {
    const resultId = `r-${(this.#count += 1)}`;
    const storedAtMs = this.#clock.nowMs();
    await this.#temporary.writer.write((transaction) => {
      this.#results.insert(transaction, {
        resultId,
        projectId,
        issueId: 'issue-1',
        agentId: 'a',
        agentType,
        status: 'success',
        body: JSON.stringify({ status: 'success', summary: resultId }),
        timestampMs: storedAtMs,
        storedAtMs,
      });
    });
    const stored = this.#results.find(projectId, resultId);
    // Nobody waits for it, as after a commit.
    if (stored) void this.#open.results.add(stored);
  }

  async removeResults(projectId: string, agentType: string): Promise<void> {
    const place = { projectId, issueId: 'issue-1', agentType };
    const ids = this.#results.idsOfIssue(place).filter((it) => it.agentType === agentType);
    const gone = ids.filter((_, index) => index % 2 === 0).map(({ resultId }) => ({ ...place, resultId }));
    await this.#temporary.writer.write(({ database }) => {
      const remove = database.driver.prepare('delete from results where result_id = ?');
      for (const { resultId } of gone) remove.run(resultId);
    });
    void this.#open.results.remove(gone);
  }

  /** The disk takes no mirror: files lie where directories should be. */
  refuse(): void {
    for (const directory of this.#directories()) {
      if (existsSync(`${directory}.away`)) continue;
      renameSync(directory, `${directory}.away`);
      writeFileSync(directory, '');
    }
  }

  heal(): void {
    for (const directory of this.#directories()) {
      if (!existsSync(`${directory}.away`)) continue;
      rmSync(directory);
      renameSync(`${directory}.away`, directory);
    }
  }

  /** A process that was killed left its files as they were, or worse; the next one looks after them. */
  async restart(): Promise<void> {
    await this.#close();
    this.heal();
    if (existsSync(this.#eventLog)) appendFileSync(this.#eventLog, '{"event_id":"half of a l');
    for (const path of filesIn(this.#root).slice(0, 1)) writeFileSync(path, '{"id":');
    this.#open = this.#openMirrors();
    this.#open.mirrors.reconcile();
  }

  set(byMs: number): void {
    this.#clock.set(byMs);
  }

  /** Lets time pass, and what it set off come as far as a few turns take it. */
  async pass(ms: number): Promise<void> {
    this.#clock.advance(ms);
    for (let turn = 0; turn < 20; turn += 1) await nextTurn();
  }

  async #close(): Promise<void> {
    await this.#open.mirrors.close();
    await this.#open.results.close();
    await this.#open.eventLog.close();
  }

  /** What lies on disk, and what should by the rules of the layout, read from the tables themselves. */
  compare(): { readonly onDisk: Record<string, unknown>; readonly stored: Record<string, unknown> } {
    const { driver } = this.#temporary.database;
    const onDisk: Record<string, unknown> = { events: textOf(this.#eventLog) };
    for (const path of filesIn(this.#root)) onDisk[path.slice(this.#root.length + 1)] = JSON.parse(textOf(path)).id;
    const bodies = driver.prepare<[], string>('select body from events order by id').pluck().all();
    const stored: Record<string, unknown> = { events: bodies.map((body) => `${body}\n`).join('') };
    const rows = driver
      .prepare<[], { id: string; project: string; issue: string; type: string }>(
        `select result_id as id, project_id as project, issue_id as issue, agent_type as type from results
         order by stored_at_ms desc, result_id desc`,
      )
      .all();
    for (const { id, project, issue, type } of rows) {
      const newest = join(project, issue, `${type}.json`);
      stored[newest in stored ? join(project, issue, type, `${id}.json`) : newest] = id;
    }
    return { onDisk, stored };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.heal();
    await this.#close();
    this.#temporary[Symbol.dispose]();
  }

  #openMirrors() {
    const clock = this.#clock;
    const breakers = new CircuitBreakers({ clock });
    const needs = { clock, logger: silentLogger };
    const results = new ResultMirror(this.#root, {
      ...needs,
      store: this.#results,
      breaker: breakers.around({ kind: 'result_mirror' }),
    });
    const eventLog = new EventLogMirror(this.#eventLog, this.#log, {
      ...needs,
      breaker: breakers.around({ kind: 'event_mirror' }),
    });
    return { results, eventLog, mirrors: new Mirrors({ results, eventLog, logger: silentLogger }) };
  }

  #directories(): string[] {
    return [this.#root, dirname(this.#eventLog)];
  }
}

const project = fc.constantFrom(...PROJECTS);
const agentType = fc.constantFrom(...AGENT_TYPES);
type Deed = (world: World) => Promise<void> | void;
const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.tuple(project, fc.integer({ min: 1, max: 5 })).map(
    ([id, count]) =>
      (world: World) =>
        world.publish(id, count),
  ),
  fc.tuple(project, fc.integer({ min: 1, max: 5 })).map(
    ([id, kept]) =>
      (world: World) =>
        world.trim(id, kept),
  ),
  fc.tuple(project, agentType).map(
    ([id, type]) =>
      (world: World) =>
        world.store(id, type),
  ),
  fc.tuple(project, agentType).map(
    ([id, type]) =>
      (world: World) =>
        world.removeResults(id, type),
  ),
  fc.constantFrom(-3_600_000, 3_600_000).map((ms) => (world: World) => world.set(ms)),
  fc.integer({ min: 1, max: 2000 }).map((ms) => (world: World) => world.pass(ms)),
  fc.constant(async (world: World) => {
    world.refuse();
    await world.publish('shop', 1);
    await world.store('shop', 'rust-pro');
    await world.pass(600);
  }),
  fc.constant((world: World) => world.heal()),
  fc.constant((world: World) => world.restart()),
);

test('whatever happens, the mirrors say what the store says once nothing happens any more', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(deed, { minLength: 1, maxLength: 16 }), async (deeds) => {
      await using world = new World(openTemporaryStore());
      for (const act of deeds) await act(world);
      world.heal();
      const quiet = async (): Promise<boolean> => {
        await world.pass(250);
        const { onDisk, stored } = world.compare();
        expect(onDisk).toEqual(stored);
        return true;
      };
      await expect.poll(quiet, { timeout: 10_000, interval: 1 }).toBe(true);
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 15) },
  );
});

function filesIn(root: string): string[] {
  const entries = existsSync(root) ? readdirSync(root, { recursive: true, withFileTypes: true }) : [];
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
