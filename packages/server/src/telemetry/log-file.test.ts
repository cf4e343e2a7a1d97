import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { inCall } from './call-context.ts';
import { LogFile, type LogRotation } from './log-file.ts';
import { createLogger } from './logger.ts';

const directory = mkdtempSync(join(tmpdir(), 'log-file-'));
const path = join(directory, 'sidecar.log');
const HOUR_MS = 3_600_000;
const rotation: LogRotation = { maxBytes: 100, maxAgeMs: HOUR_MS, keep: 2, retentionMs: 10 * HOUR_MS };
let nowMs = Date.now();

afterAll(() => rm(directory, { recursive: true, force: true }));

const content = () =>
  Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), 'utf8')]));

test('a file is put aside by size and by age; only so many are kept, and only so long', async () => {
  const line = (letter: string) => `${letter.repeat(59)}\n`;
  const log = new LogFile(path, rotation, () => nowMs);
  for (const letter of 'abc') log.write(line(letter));
  nowMs += HOUR_MS;
  log.write('d\n');
  await log.close();
  // `a` was put aside first, and only two are kept.
  expect(content()).toEqual({ 'sidecar.log': 'd\n', 'sidecar.log.1': line('c'), 'sidecar.log.2': line('b') });

  const old = nowMs / 1000 - 11 * 3600;
  utimesSync(`${path}.2`, old, old);
  await new LogFile(path, rotation, () => nowMs).close();
  expect(Object.keys(content())).toEqual(['sidecar.log', 'sidecar.log.1']);
});

test('regression: half a line that a killed process left is no part of the next one', async () => {
  writeFileSync(path, 'half of a l');
  const log = new LogFile(path, rotation, () => nowMs);
  log.write('next\n');
  await log.close();
  expect(readFileSync(path, 'utf8')).toBe('half of a l\nnext\n');
});

test('lines carry the ids of the call that is worked on, and the level changes while it runs', () => {
  const lines: string[] = [];
  const logger = createLogger('warn', { write: (line) => void lines.push(line) });
  logger.info({}, 'not yet');
  logger.level = 'debug';
  const trace = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', sampled: true };
  inCall({ correlationId: 'c-1', trace }, () => logger.debug({}, 'within'));
  logger.info({}, 'outside');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: 'DEBUG', msg: 'within', correlation_id: 'c-1', trace_id: '0af7651916cd43dd8448eb211c80319c' },
    { level: 'INFO', msg: 'outside' },
  ]);
  expect(lines[1]).not.toContain('correlation_id');
});

const hasFullDevice = process.platform === 'linux';
test.skipIf(!hasFullDevice)(
  `regression: a process whose log has lines that a full disk never took comes to its end${hasFullDevice ? '' : ' (skipped: no /dev/full)'}`,
  () => {
    const program = `
      import { LogFile } from ${JSON.stringify(new URL('log-file.ts', import.meta.url).href)};
      const log = new LogFile('/dev/full', ${JSON.stringify({ ...rotation, maxBytes: 1_000_000 })}, Date.now);
      log.write('what is not taken\\n');
      await log.close();
      log.write('what comes too late\\n');
      await log.close();
    `;
    const args = [...process.execArgv, '--input-type=module', '--eval', program];
    const { status, signal, stderr } = spawnSync(process.execPath, args, { timeout: 30_000, encoding: 'utf8' });
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
  },
);
