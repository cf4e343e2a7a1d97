import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createSidecarClient, type SidecarClient, type SidecarEvent } from '@orchestration-sidecar/sdk';
import { LIVE_AGENT_STATES } from '@orchestration-sidecar/shared';
import { LiveView } from './live-view.ts';
import { writeProfiles } from './profiles.ts';
import { cloneOfThis, namedRepository } from './project.ts';
import { startSidecarProcess } from './sidecar-process.ts';
import { mirrorOf, verify, type Outcome } from './verify.ts';

/** Longest the agents may take together, some twelve times what they need; the demo says so and fails then. */
const DEADLINE_MS = 120_000;
const LOOK_MS = 200;
const ISSUE = {
  issue_id: 'issue-slugify',
  title: 'Add a slugify function with tests and documentation',
  body: 'We need URL slugs from titles: a pure function `slugify(text)` in slug/slugify.mjs, tested with node --test.',
};

const { values } = parseArgs({
  options: { project: { type: 'string' }, sidecar: { type: 'string' }, keep: { type: 'boolean' } },
});
const named = values.project === undefined ? null : namedRepository(values.project);
if (named === undefined) {
  console.error(`${values.project} is not a git repository.`);
  process.exit(1);
}
const startedMs = performance.now();
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
const workDirectory = mkdtempSync(join(tmpdir(), 'sidecar-demo-'));
const dataDir = join(workDirectory, 'data');
const project = named ?? cloneOfThis(workDirectory);
const sidecar = await startSidecarProcess(values.sidecar, {
  'data-dir': dataDir,
  project,
  profiles: writeProfiles(workDirectory),
  // Between two drawings its lines would push the view down, which then leaves its last state behind.
  'log-on-terminal': 'off',
});
const client = createSidecarClient({ url: sidecar.url, token: sidecar.operatorToken });
console.log(`Sidecar ${sidecar.url} · project ${project}\n`);

let failed = true;
try {
  await client.issues.create({ ...ISSUE, workflow: 'issue-resolution' });
  const timeline = await watch(client);
  const outcome: Outcome = { client, issueId: ISSUE.issue_id, project, dataDir };
  failed = interrupted.signal.aborted || !(await report(outcome, timeline));
} finally {
  // Agents outlive their sidecar; those of a demo that nobody watches shall not.
  if (interrupted.signal.aborted) {
    await client.issues.cancel({ issue_id: ISSUE.issue_id });
    // The issue is over at once, its agents are not: a sidecar that stops leaves alone those that still run.
    await client.agents.stopAll({ issue_id: ISSUE.issue_id });
  }
  client.close();
  await sidecar.stop();
}
const how = interrupted.signal.aborted ? 'Stopped' : failed ? 'The demo failed' : 'Done';
console.log(`\n${how} after ${((performance.now() - startedMs) / 1000).toFixed(1)} s.`);
process.exitCode = interrupted.signal.aborted ? 130 : failed ? 1 : 0;
// What went wrong is looked for in what is left; and who wants to look at what went well says so.
if ((!failed || interrupted.signal.aborted) && !values.keep) rmSync(workDirectory, { recursive: true, force: true });
else console.log(`Everything is in ${workDirectory}.`);

/** Shows the issue being resolved; answers its events when it is over. */
async function watch(client: SidecarClient): Promise<SidecarEvent[]> {
  const view = new LiveView(process.stdout);
  const timeline: SidecarEvent[] = [];
  const late = AbortSignal.timeout(DEADLINE_MS);
  const over = AbortSignal.any([late, interrupted.signal]);
  const look = async (): Promise<boolean> => {
    const { agents } = await client.agents.list({ issue_id: ISSUE.issue_id });
    view.agents(agents);
    return agents.some(({ state }) => LIVE_AGENT_STATES.includes(state));
  };
  const looking = setInterval(() => void look().catch(() => {}), LOOK_MS);
  try {
    late.addEventListener('abort', () => console.error(`The issue was not resolved within ${DEADLINE_MS / 1000} s.`));
    for await (const event of client.events.subscribe({ filter: `issue_id:${ISSUE.issue_id}` }, { signal: over })) {
      timeline.push(event);
      view.event(event);
      if (['issue_resolved', 'issue_failed', 'issue_cancelled'].includes(event.event_type)) break;
    }
    // The last agent may still be on its way out.
    while ((await look()) && !over.aborted) await sleep(LOOK_MS);
  } finally {
    clearInterval(looking);
    view.close();
  }
  return timeline;
}

/** Prints what came of it; answers whether everything that was promised holds. */
async function report(outcome: Outcome, timeline: readonly SidecarEvent[]): Promise<boolean> {
  const first = timeline[0];
  const sinceStart = (event: SidecarEvent): string =>
    `${((Date.parse(event.timestamp) - Date.parse(first?.timestamp ?? event.timestamp)) / 1000).toFixed(2).padStart(6)} s`;
  console.log('\nTimeline');
  for (const event of timeline) {
    console.log(`  ${sinceStart(event)}  ${event.event_type.padEnd(24)} ${event.publisher_type}`);
  }
  const { results } = await outcome.client.results.list({ issue_id: outcome.issueId });
  console.log('\nResults, newest first');
  for (const result of results) {
    console.log(`  ${result.agent_type.padEnd(22)} ${result.result.status.padEnd(8)} ${summaryOf(result.result)}`);
  }
  console.log(`\nOn disk${values.keep ? '' : ' (until the end of the demo; --keep keeps it)'}`);
  for (const path of new Set(results.map((result) => mirrorOf(outcome, result)))) console.log(`  ${path}`);
  console.log(`  ${join(outcome.dataDir, 'events', 'event-log.jsonl')}`);
  console.log(`  ${join(outcome.dataDir, 'sidecar.db')}`);
  console.log(`  ${outcome.project}/slug/`);
  console.log('\nChecks');
  const checks = await verify(outcome);
  for (const { what, holds } of checks) console.log(`  ${holds ? '✔' : '✘'} ${what}`);
  return checks.every(({ holds }) => holds);
}

function summaryOf(result: Readonly<Record<string, unknown>>): string {
  const { summary } = result;
  return typeof summary === 'string' ? summary : '';
}
