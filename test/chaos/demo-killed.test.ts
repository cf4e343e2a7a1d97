import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeProfiles } from '../../demo/profiles.ts';
import { startServer, type ServerUnderTest } from '../support/server-process.ts';

/** Every step of its own takes minutes: `SIDECAR_EVERY_STEP=1 npm test -- test/chaos/demo-killed`. */
const EVERY_STEP = process.env['SIDECAR_EVERY_STEP'] === '1';
/** On a machine that does other things as well. */
const LONGEST_MS = EVERY_STEP ? 900_000 : 300_000;
const ISSUE = 'issue-slugify';
/** How many events the demo's issue makes when nobody interferes; later kills find it resolved. */
const STEPS = 45;
const ENDED = new Set(['issue_resolved', 'issue_failed', 'issue_cancelled']);

interface Event {
  readonly event_type: string;
  readonly cursor: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- a caller with curl has no types either
  readonly data: any;
}

/** Runs the demo's issue and kills the server each time `kill` says so of the events that are committed. */
async function resolveWhileKilling(
  kill: (events: readonly Event[]) => boolean,
): Promise<{ events: Event[]; kills: number }> {
  const workDirectory = mkdtempSync(join(tmpdir(), 'sidecar-demo-'));
  const server = await startServer({ SIDECAR_PROFILES: writeProfiles(workDirectory) });
  try {
    const body = { issue_id: ISSUE, title: 'Add slugify', body: 'A pure function.', workflow: 'issue-resolution' };
    await server.call('POST', '/api/issues', { body });
    let kills = 0;
    const events: Event[] = [];
    let cursor = '';
    while (!events.some(({ event_type: type }) => ENDED.has(type))) {
      const page = await nextEvents(server, cursor);
      cursor = page.cursor;
      // One after the other, as if each had come alone.
      for (const event of page.events) {
        events.push(event);
        if (!kill(events)) continue;
        kills += 1;
        await server.kill();
        await server.start();
      }
    }
    await expect.poll(() => liveAgents(server), { timeout: 60_000 }).toBe(0);
    const { body: log } = await server.call('GET', `/api/events?filter=issue_id:${ISSUE}&limit=1000`);
    // What was built is there and works.
    execFileSync(process.execPath, ['--test', 'slug/slugify.test.mjs'], { cwd: server.project, stdio: 'ignore' });
    return { events: log.events, kills };
  } finally {
    await server.stop();
    rmSync(workDirectory, { recursive: true, force: true });
  }
}

async function nextEvents(server: ServerUnderTest, cursor: string): Promise<{ events: Event[]; cursor: string }> {
  const from = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
  const { body } = await server.call('GET', `/api/events/wait/*?filter=issue_id:${ISSUE}&timeout=5000${from}`);
  return { events: body.events, cursor: body.next_cursor };
}

async function liveAgents(server: ServerUnderTest): Promise<number> {
  return (await server.call('GET', `/api/agents?issue_id=${ISSUE}&live=true`)).body.agents.length;
}

/** What must hold however often the server was killed. */
function check(events: readonly Event[]): void {
  expect(events.map(({ event_type: type }) => type).filter((type) => ENDED.has(type))).toEqual(['issue_resolved']);
  // One agent for each piece of work that was decided, and each piece decided once.
  const planned = events.filter(({ data }) => data.decision === 'spawn').map(({ data }) => data.idempotency_key);
  expect(new Set(planned).size).toBe(planned.length);
  const spawned = events.filter(({ event_type: type }) => type === 'agent_spawned');
  const agentsOf = Map.groupBy(spawned, ({ data }) => data.idempotency_key);
  expect(new Set(agentsOf.keys())).toEqual(new Set(planned));
  for (const [key, starts] of agentsOf) expect(starts, key).toHaveLength(1);
  // A start that was cut in half and undone is begun again without an attempt being spent.
  expect(events.filter(({ event_type: type }) => type === 'agent_failed')).toEqual([]);
  // Each handed in once, whatever was sent again.
  const results = events.flatMap(({ data }) => (typeof data.result_id === 'string' ? [data.agent_id] : []));
  expect(new Set(results).size).toBe(results.length);
  expect(new Set(results)).toEqual(new Set(spawned.map(({ data }) => data.agent_id)));
}

test(
  'a server that is killed at every step of the demo resolves its issue, no agent started twice',
  { timeout: LONGEST_MS },
  async () => {
    let seen = 0;
    const { events, kills } = await resolveWhileKilling((known) => {
      // Every event that is committed is a step; in CI every twelfth.
      const due = known.length > seen && (EVERY_STEP || known.length % 12 === 3);
      seen = known.length;
      return due;
    });
    expect(kills).toBeGreaterThan(2);
    check(events);
  },
);

test.runIf(EVERY_STEP).each(Array.from({ length: STEPS }, (_, index) => index + 1))(
  'killed once, at step %i',
  { timeout: LONGEST_MS },
  async (step) => {
    let killed = false;
    const { events } = await resolveWhileKilling(({ length }) => {
      if (killed || length < step) return false;
      killed = true;
      return true;
    });
    expect(killed).toBe(true);
    check(events);
  },
);
