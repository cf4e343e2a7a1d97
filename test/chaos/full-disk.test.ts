import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { startServer, type ServerUnderTest } from '../support/server-process.ts';
import { mountSmallDisk } from '../support/small-disk.ts';

const PATIENCE = { timeout: 60_000, interval: 100 };

const disk = mountSmallDisk('12m');
const needsMount = disk ? '' : ' (skipped: nothing can be mounted here)';

const running: ServerUnderTest[] = [];
async function started(name: string): Promise<ServerUnderTest> {
  const server = await startServer({}, join(disk?.directory ?? '', name));
  running.push(server);
  return server;
}

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});
afterAll(() => {
  disk?.[Symbol.dispose]();
});

test.skipIf(!disk)(
  `a disk that is really full: writes are refused in words, reads and health answer, and room makes it whole again${needsMount}`,
  { timeout: 180_000 },
  async () => {
    const server = await started('data');
    const publish = (bytes: number) =>
      server.call('POST', '/api/events/load', { body: { topic: 'implementation', data: { text: 'x'.repeat(bytes) } } });
    const fill = async (): Promise<void> => {
      let taken = 0;
      for (let last = await publish(20_000); last.status === 202; last = await publish(20_000)) taken += 1;
      expect(taken).toBeLessThan(2000);
    };
    await fill();
    // Right after the first refusal, while a smaller write may still succeed.
    expect((await server.call('GET', '/health')).body).toMatchObject({ status: 'degraded' });
    const refused = async () => {
      // What is left over is used up by smaller and smaller ones, and what the sidecar writes by itself.
      for (const bytes of [20_000, 2000, 20])
        for (let last = await publish(bytes); last.status === 202;) last = await publish(bytes);
      return (await server.call('GET', '/health')).body;
    };
    await expect.poll(refused, PATIENCE).toMatchObject({
      status: 'degraded',
      reasons: ['storage: the disk refuses writes'],
    });
    expect((await publish(20_000)).body).toMatchObject({ status: 503, code: 'STORAGE_UNAVAILABLE', retryable: true });
    const { status, body: read } = await server.call('GET', '/api/events?limit=3');
    expect(status).toBe(200);
    expect(read.events).toHaveLength(3);
    expect((await server.call('GET', '/health/live')).status).toBe(200);

    disk?.resize('64m');
    await expect.poll(async () => (await publish(20_000)).status, PATIENCE).toBe(202);
    await expect.poll(async () => (await server.call('GET', '/health')).body.status, PATIENCE).toBe('healthy');

    await server.kill();
    await server.start();
    expect((await server.call('GET', '/api/events?limit=3')).body.events).toEqual(read.events);
    expect(await server.terminate()).toBe(0);
  },
);

test.skipIf(!disk)(
  `regression: a sidecar on a full disk comes to its end when it is asked to${needsMount}`,
  { timeout: 120_000 },
  async () => {
    const server = await started('full');
    const publish = () =>
      server.call('POST', '/api/events/load', {
        body: { topic: 'implementation', data: { text: 'x'.repeat(60_000) } },
      });
    for (let last = await publish(); last.status === 202;) last = await publish();
    expect(await server.terminate()).toBe(0);
  },
);
