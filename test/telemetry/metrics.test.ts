import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { procedures } from '@orchestration-sidecar/shared';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';
import { stockSocketClient } from '../support/trpc-clients.ts';

let sidecar: SidecarUnderTest;

beforeAll(async () => {
  sidecar = await startForTest();
});
afterAll(() => sidecar[Symbol.asyncDispose]());

const scrape = async (): Promise<string> => (await sidecar.call('GET', '/metrics', { token: null })).body;

/** Value of a series without labels, or with exactly those that are given. */
function valueOf(text: string, series: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length));
}

describe('GET /metrics', () => {
  test('has the seven names of the specification and what an operator needs besides', async () => {
    await sidecar.createIssue('measured');
    await sidecar.call('GET', '/api/context/measured/chief-architect');
    await sidecar.call('GET', '/api/context/measured/chief-architect');
    const text = await scrape();
    const families = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
    expect(families).toEqual(
      expect.arrayContaining([
        'sidecar_requests_total counter',
        'sidecar_request_duration_seconds histogram',
        'sidecar_active_agents gauge',
        'sidecar_events_published_total counter',
        'sidecar_cache_hits_total counter',
        'sidecar_cache_misses_total counter',
        'sidecar_storage_bytes gauge',
        'sidecar_write_queue_wait_seconds histogram',
        'sidecar_commit_duration_seconds histogram',
        'sidecar_commit_jobs histogram',
        'sidecar_commit_failures_total counter',
        'sidecar_wal_bytes gauge',
        'sidecar_follower_lag_events gauge',
        'sidecar_dead_letters gauge',
        'sidecar_spawns_total counter',
        'sidecar_context_stage_seconds histogram',
        'nodejs_eventloop_lag_p99_seconds gauge',
        'nodejs_gc_duration_seconds histogram',
        'process_resident_memory_bytes gauge',
      ]),
    );
    expect(valueOf(text, 'sidecar_events_published_total')).toBeGreaterThanOrEqual(1);
    expect(valueOf(text, 'sidecar_cache_misses_total')).toBe(1);
    expect(valueOf(text, 'sidecar_cache_hits_total')).toBe(1);
    expect(valueOf(text, 'sidecar_wal_bytes')).toBeGreaterThan(0);
    expect(valueOf(text, 'sidecar_commit_jobs_count')).toBeGreaterThanOrEqual(1);
    expect(valueOf(text, 'sidecar_context_stage_seconds_count{stage="gather"}')).toBe(1);
    expect(valueOf(text, 'sidecar_requests_total{procedure="issues.create",code="OK"}')).toBe(1);
  });

  test('keeps a bounded number of series whatever callers send', async () => {
    const seriesOf = (text: string): string[] =>
      text.split('\n').filter((line) => line.startsWith('sidecar_requests_total{'));
    const stock = stockSocketClient(sidecar.url, sidecar.operatorToken);
    for (let n = 0; n < 50; n += 1) {
      await expect(stock.client.query(`made.up${n}`)).rejects.toThrow('no procedure');
      await sidecar.call('GET', `/trpc/made.up${n}`);
      await sidecar.call('GET', `/api/nowhere/${n}`);
      await sidecar.call('GET', `/api/issues/unknown-${n}`);
    }
    await stock.close();
    const series = seriesOf(await scrape());
    const known = new Set([...procedures.map(({ name }) => name), 'unknown']);
    expect(series.map((line) => /procedure="([^"]*)"/.exec(line)?.[1])).toSatisfy((names: string[]) =>
      names.every((name) => known.has(name)),
    );
    expect(series.join('\n')).toContain('{procedure="unknown",code="ROUTE_NOT_FOUND"}');
    expect(series.join('\n')).not.toContain('made.up');
  });

  test('follows the rules of the format that promtool checks', async () => {
    const text = await scrape();
    const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]));
    const helps = new Set([...text.matchAll(/^# HELP (\S+) \S/gm)].map(([, name]) => name));
    for (const [name, type] of types) {
      expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
      expect(helps).toContain(name);
      // A name says whether it only grows, and its unit is a base unit.
      expect(name.endsWith('_total')).toBe(type === 'counter');
      expect(name).not.toMatch(/_(?:count|sum|bucket|milliseconds|ms|minutes|hours|kilobytes|mb|percent)$/);
    }
    expect(types.size).toBeGreaterThan(30);
  });

  const promtool = spawnSync('promtool', ['--version']).status === 0;
  test.skipIf(!promtool)('passes promtool check metrics (where promtool is installed)', async () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input: await scrape(),
      encoding: 'utf8',
    });
    expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: '' });
  });
});
