import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCrowd } from '../support/crowd.ts';
import { startServer, type ServerUnderTest } from '../support/server-process.ts';

let server: ServerUnderTest;
beforeAll(async () => {
  server = await startServer();
}, 120_000);
afterAll(() => server.stop(), 60_000);

// The whole 119 are spawned by `npm run bench`, with the times: docs/agents.md.
test(
  'agents spawned at once all get their context, store a result and end; nothing of them is left',
  { timeout: 120_000 },
  async () => {
    const count = 12;
    // What the sidecar opens once (workers, watches) is open after the first few.
    await runCrowd(server, 'first-few', count);
    const report = await runCrowd(server, 'crowd', count);
    expect(report).toMatchObject({ states: { exited: count }, results: count, zombies: 0, leaked: [] });
    expect(report.firstCodeMs).toHaveLength(count);
    expect(report.peakMb).toBeLessThan(300);
  },
);
