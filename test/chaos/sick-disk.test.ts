import { closeSync, openSync, readFileSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { inspectStore } from '../soak/stored.ts';
import { startServer, type ServerUnderTest } from '../support/server-process.ts';
import { canMakeSickDisk, makeSickDisk } from '../support/sick-disk.ts';

vi.setConfig({ testTimeout: 120_000 });

const publish = (server: ServerUnderTest, text = 'x') =>
  server.call('POST', '/api/events/step', { body: { topic: 'implementation', data: { text } } });

/** Publishes until the disk refuses, or as often as said; adds what was acknowledged. */
async function publishUntilRefused(server: ServerUnderTest, events: Set<string>, most: number): Promise<unknown> {
  for (let n = 0; n < most; n += 1) {
    const { status, body } = await publish(server, 'x'.repeat(4000));
    if (status >= 300) return body;
    events.add(body.event_id);
  }
  return undefined;
}

const REFUSED = { status: 503, code: 'STORAGE_UNAVAILABLE', retryable: true };

async function expectSick(server: ServerUnderTest, storage: string): Promise<void> {
  await expect.poll(async () => (await server.call('GET', '/health')).body.checks.storage).toBe(storage);
  const { body } = await server.call('GET', '/health');
  expect(body).toMatchObject({ status: storage, reasons: [expect.stringMatching(/^storage: /)] });
  expect(await server.call('GET', '/health/ready')).toMatchObject({ status: 503, body: REFUSED });
  expect(await server.call('GET', '/health/live')).toMatchObject({ status: 200 });
}

/** It is well again by itself, everything acknowledged is there, and the mirrors follow. */
async function expectHealed(server: ServerUnderTest, events: Set<string>): Promise<void> {
  const healthy = async (): Promise<string> => (await server.call('GET', '/health')).body.status;
  await expect.poll(healthy, { timeout: 20_000 }).toBe('healthy');
  const { status, body } = await publish(server);
  expect(status).toBeLessThan(300);
  events.add(body.event_id);
  const different = async (): Promise<number> => (await server.call('GET', '/api/mirrors')).body.different;
  await expect.poll(different, { timeout: 30_000 }).toBe(0);
  await server.kill();
  await server.start();
  expect(inspectStore(server.dataDir, events, new Set())).toMatchObject({ integrity: 'ok', lostEvents: 0 });
}

const needsCompiler = canMakeSickDisk ? '' : ' (skipped: no C compiler)';

test.skipIf(!canMakeSickDisk)(
  `a disk that becomes read-only, fails to write, or fails to read too, and heals, loses nothing${needsCompiler}`,
  async () => {
    using disk = makeSickDisk();
    const server = await startServer(disk.environment, disk.directory);
    const events = new Set<string>();
    try {
      for (const sickness of ['full', 'read-only', 'writes fail', 'reads fail'] as const) {
        await publishUntilRefused(server, events, 3);
        disk.be(sickness);
        expect(await publishUntilRefused(server, events, 5)).toMatchObject(REFUSED);
        const health = await server.call('GET', '/health');
        expect(health.body.status).not.toBe('healthy');
        await expectSick(server, health.body.status);
        if (sickness !== 'reads fail') {
          const { body } = await server.call('GET', '/api/events?event_type=step&limit=3');
          expect(body.events).toHaveLength(3);
        }
        disk.be('well');
        await expectHealed(server, events);
      }
    } finally {
      disk.be('well');
      await server.stop();
    }
  },
);

test.skipIf(!canMakeSickDisk)(
  `a slow disk is said to be slow, and what waits for it is stored${needsCompiler}`,
  async () => {
    using disk = makeSickDisk();
    const server = await startServer(disk.environment, disk.directory);
    const events = new Set<string>();
    try {
      disk.be('slow');
      expect(await publishUntilRefused(server, events, 2)).toBeUndefined();
      const { body } = await server.call('GET', '/health');
      expect(body).toMatchObject({ status: 'degraded', checks: { storage: 'degraded' } });
      expect(body.reasons[0]).toMatch(/^storage: a small write (takes over|took) \d+ ms$/);
      disk.be('well');
      await expectHealed(server, events);
    } finally {
      disk.be('well');
      await server.stop();
    }
  },
);

test('a page that is damaged while the sidecar runs is told in health or refused at the next start, never served as if whole', async () => {
  const server = await startServer();
  const events = new Set<string>();
  try {
    await publishUntilRefused(server, events, 50);
    await server.terminate();
    await server.start();
    const path = join(server.dataDir, 'sidecar.db');
    const pages = Math.floor(statSync(path).size / 4096);
    const file = openSync(path, 'r+');
    for (let page = 1; page < pages; page += 1) writeSync(file, Buffer.alloc(4096, 0xa5), 0, 4096, page * 4096);
    closeSync(file);
    const { status, body } = await server.call('GET', '/api/events?event_type=step&limit=1000');
    if (status === 200)
      expect(new Set(body.events.map((event: { event_id: string }) => event.event_id))).toEqual(events);
    else expect(body).toMatchObject(REFUSED);
    expect((await server.call('GET', '/health/live')).status).toBe(200);
    await server.kill();
    await expect(server.start()).rejects.toThrow(/is damaged.+sidecar restore/s);
  } finally {
    await server.stop();
  }
});

test('regression: a write-ahead log that was cut short is told, and no cursor from before skips what comes after', async () => {
  const server = await startServer();
  try {
    const events = new Set<string>();
    await publishUntilRefused(server, events, 20);
    const { body: before } = await server.call('GET', '/api/events?limit=1000');
    const mirrored = (): string => readFileSync(join(server.dataDir, 'events', 'event-log.jsonl'), 'utf8');
    await expect.poll(mirrored).toContain(before.next_cursor);
    await server.kill();
    const log = join(server.dataDir, 'sidecar.db-wal');
    truncateSync(log, Math.floor(statSync(log).size * 0.6));
    await server.start();
    expect((await server.call('GET', '/health')).body).toMatchObject({
      status: 'degraded',
      checks: { storage: 'degraded' },
      reasons: [expect.stringMatching(/^storage: events \d+ to \d+ of project \S+ were acknowledged and are lost/)],
    });
    expect((await server.call('GET', '/health/ready')).status).toBe(200);
    await publishUntilRefused(server, new Set(), 30);
    expect((await server.call('GET', `/api/events?after=${before.next_cursor}`)).body).toMatchObject({
      code: 'CURSOR_EXPIRED',
    });
  } finally {
    await server.stop();
  }
});
