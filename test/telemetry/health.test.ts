import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startForTest, type SidecarUnderTest } from '../support/sidecar-under-test.ts';

let sidecar: SidecarUnderTest;

beforeAll(async () => {
  sidecar = await startForTest();
});
afterAll(() => sidecar[Symbol.asyncDispose]());

const ask = (path: string) => sidecar.call('GET', path, { token: null });

describe('health', () => {
  test('is measured by a write to the store that takes time', async () => {
    const { status, body } = await ask('/health');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'healthy',
      service: 'orchestration-sidecar',
      checks: { storage: 'healthy', event_bus: 'healthy', active_agents: 0 },
      reasons: [],
    });
    expect(body.checks.storage_latency_ms).toBeGreaterThan(0);
    expect(body.checks.memory_usage_mb).toBeGreaterThan(10);
  });

  test('liveness and readiness are two questions', async () => {
    expect((await ask('/health/live')).body).toEqual({ alive: true, uptime_seconds: expect.any(Number) });
    expect(await ask('/health/ready')).toMatchObject({ status: 200, body: { ready: true } });
  });
});

describe('status', () => {
  test('says why a number is not known', async () => {
    await using fresh = await startForTest();
    const { body } = await fresh.call('GET', '/status', { token: null });
    expect(body.performance).toEqual({
      avg_response_time_ms: null,
      p99_response_time_ms: null,
      requests_per_second: 0,
    });
    expect(body.unknown).toEqual({
      'performance.avg_response_time_ms': expect.stringContaining('no request'),
      'performance.p99_response_time_ms': expect.stringContaining('no request'),
    });
    const later = await fresh.call('GET', '/status', { token: null });
    expect(later.body.performance.p99_response_time_ms).toBeGreaterThan(0);
    expect(later.body.unknown).toEqual({});
  });
});
