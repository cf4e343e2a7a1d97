import { existsSync, mkdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createSidecarClient } from '@orchestration-sidecar/sdk';
import { expect, test } from 'vitest';
import { runCommand, type Ended } from '../cli/cli-process.ts';
import { FakeClock } from '../../packages/server/src/runtime/fake-clock.ts';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

const MINUTE_MS = 60_000;
/** About a quarter of an hour, in days: between the clean-up that comes soon after the start and the next one. */
const SHORT_DAYS = 0.01;

async function store(sidecar: SidecarUnderTest, issueId: string): Promise<string> {
  await sidecar.createIssue(issueId);
  const result = { status: 'success', summary: issueId };
  const body = { issue_id: issueId, agent_type: 'rust-pro', agent_id: `rust-pro-${issueId}`, result };
  return (await sidecar.call('POST', '/api/results', { body })).body.id;
}

test('what was kept long enough and nobody pinned is gone from store and mirrors, and everything says so before and after', async () => {
  const clock = new FakeClock(Date.now());
  await using sidecar = await startForTest(
    {
      backupEveryHours: 0,
      resultRetentionDays: SHORT_DAYS,
      agentFolderRetentionDays: SHORT_DAYS,
      cleanUpEveryHours: 8760,
      agentRetentionDays: 1,
      issueRetentionDays: 1,
    },
    { clock },
  );
  const cli = (...args: string[]): Promise<Ended> => runCommand([...args, '--data-dir', sidecar.dataDir], {});
  const { body: listed } = await sidecar.call('GET', '/api/projects');
  const mirrored = join(sidecar.dataDir, 'results', listed.projects[0].project_id);
  const [free, ofPinned, pinned] = [
    await store(sidecar, 'issue-1'),
    await store(sidecar, 'issue-2'),
    await store(sidecar, 'issue-3'),
  ];
  // Pinned by each door: CLI, SDK, REST.
  expect(await cli('pins', 'add', 'issue', 'issue-2')).toMatchObject({ code: 0, stdout: 'issue-2 pinned\n' });
  using client = disposable(
    createSidecarClient({ url: sidecar.url, token: () => sidecar.operatorToken, environment: {} }),
  );
  expect(await client.pins.add({ kind: 'result', id: pinned })).toMatchObject({ kind: 'result', id: pinned });
  expect((await sidecar.call('GET', '/api/pins')).body.pins.map(({ id }: { id: string }) => id).toSorted()).toEqual(
    ['issue-2', pinned].toSorted(),
  );
  const nothing = await sidecar.call('POST', '/api/pins', { body: { kind: 'result', id: 'result-none' } });
  expect(nothing.body.code).toBe('RESULT_NOT_FOUND');
  const { token } = await sidecar.mint('rust-pro');
  const refused = await sidecar.call('POST', '/api/clean-up', { token, body: {} });
  expect(refused.body.code).toBe('PERMISSION_DENIED');

  const folder = join(sidecar.dataDir, 'agents', 'rust-pro-long-ago');
  mkdirSync(folder);
  writeFileSync(join(folder, 'task.md'), 'do it');
  utimesSync(folder, clock.nowMs() / 1000, clock.nowMs() / 1000);

  clock.advance(6 * MINUTE_MS);
  // After the one that it made by itself.
  const early = await sidecar.call('POST', '/api/clean-up', { body: { kinds: ['results'] } });
  expect(early.body.kinds).toEqual([{ kind: 'results', count: 0, bytes: 0, kept: [] }]);
  clock.advance(10 * MINUTE_MS);
  const ids = async (): Promise<string[]> =>
    (await sidecar.call('GET', '/api/results')).body.results.map(({ id }: { id: string }) => id).toSorted();
  const report = JSON.parse(
    (await cli('clean-up', '--dry-run', '--json', '--only', 'results', 'agent_folders')).stdout,
  );
  expect(report).toMatchObject({
    dry_run: true,
    kinds: [
      { kind: 'agent_folders', count: 1, bytes: 5 },
      { kind: 'results', count: 1, kept: [{ reason: 'pinned', count: 2 }] },
    ],
  });
  expect(await ids()).toEqual([pinned, ofPinned, free].toSorted());

  const cleaned = await cli('clean-up');
  expect(cleaned).toMatchObject({ code: 0 });
  expect(cleaned.stdout).toContain('2 pinned');
  expect(await ids()).toEqual([pinned, ofPinned].toSorted());
  expect(existsSync(folder)).toBe(false);
  expect(existsSync(join(mirrored, 'issue-1'))).toBe(false);
  expect(existsSync(join(mirrored, 'issue-2', 'rust-pro.json'))).toBe(true);
  expect((await sidecar.call('GET', '/api/mirrors')).body).toEqual({ different: 0, faults: [] });
  expect((await sidecar.call('GET', '/api/audit/verify')).body).toMatchObject({ ok: true });

  expect(await cli('pins', 'remove', 'issue', 'issue-2')).toMatchObject({ code: 0 });
  const removed = await sidecar.call('DELETE', `/api/pins/result/${pinned}`);
  expect(removed.body).toEqual({ removed: true });
  await sidecar.call('POST', '/api/clean-up', { body: {} });
  expect(await ids()).toEqual([]);

  // Issues and agents go last, once they have ended and nothing of them is left.
  const agents = async (): Promise<number> => (await sidecar.call('GET', '/api/agents')).body.agents.length;
  const issues = async (): Promise<string[]> =>
    (await sidecar.call('GET', '/api/issues')).body.issues.map(({ issue_id: id }: { issue_id: string }) => id);
  await sidecar.call('POST', '/api/issues/issue-1/cancel', { body: { reason: 'done' } });
  const kinds = { kinds: ['issues', 'agents'] };
  const clean = async (more = {}): Promise<number[]> =>
    (await sidecar.call('POST', '/api/clean-up', { body: { ...kinds, ...more } })).body.kinds.map(
      ({ count }: { count: number }) => count,
    );
  expect(await clean()).toEqual([0, 0]);
  expect(await agents()).toBe(1);
  clock.advance(25 * 60 * MINUTE_MS);
  // The token of the agent that was minted has run out: once that has been forgotten, nobody can act as it.
  await expect
    .poll(() => {
      clock.advance(MINUTE_MS);
      return clean({ dry_run: true });
    })
    .toEqual([1, 1]);
  expect(await clean()).toEqual([1, 1]);
  expect(await agents()).toBe(0);
  expect((await issues()).toSorted()).toEqual(['issue-2', 'issue-3']);
});

test('over the quota contexts, logs and folders go before their time; then large writes are refused and small results taken', async () => {
  const clock = new FakeClock(Date.now());
  const quota = 16_777_216;
  await using sidecar = await startForTest({ backupEveryHours: 0, diskQuotaBytes: quota }, { clock });
  const health = async (): Promise<unknown> => (await sidecar.call('GET', '/health')).body;
  const fill = (name: string, bytes: number): string => {
    const path = join(sidecar.dataDir, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '');
    truncateSync(path, bytes);
    return path;
  };
  const cached = fill('context-cache/shop/issue-1/a.json', quota);
  clock.advance(60_000);
  await expect.poll(() => existsSync(cached)).toBe(false);
  const pinned = fill('backups/large', quota);
  // Looking goes on only when the clock does.
  await expect
    .poll(() => {
      clock.advance(60_000);
      return health();
    })
    .toMatchObject({ status: 'degraded', reasons: [expect.stringContaining('what would grow it much is refused')] });
  expect((await sidecar.call('POST', '/api/issues', { body: { title: 'More' } })).body).toMatchObject({
    status: 507,
    code: 'DISK_QUOTA_EXCEEDED',
  });
  const event = (data: object) => sidecar.call('POST', '/api/events/said', { body: { topic: 'talk', data } });
  expect((await event({ text: 'x'.repeat(70_000) })).body.code).toBe('DISK_QUOTA_EXCEEDED');
  const many = { events: [{ event_type: 'said', topic: 'talk', data: { text: 'x'.repeat(70_000) } }] };
  expect((await sidecar.call('POST', '/api/events', { body: many })).body.code).toBe('DISK_QUOTA_EXCEEDED');
  expect((await event({ text: 'small' })).status).toBeLessThan(300);
  rmSync(pinned);
  await expect
    .poll(() => {
      clock.advance(60_000);
      return health();
    })
    .toMatchObject({ status: 'healthy' });
  expect(await store(sidecar, 'issue-2')).toBeTypeOf('string');
});

function disposable<T extends { close(): void }>(client: T): T & Disposable {
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}
