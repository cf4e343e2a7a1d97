import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Sandbox } from '../cli/sandbox.ts';
import { bashBlocks, Reader } from './tutorial.ts';

test('the first round of docs/operations.md, as its reader would type it', { timeout: 120_000 }, async () => {
  await using sandbox = new Sandbox();
  const reader = new Reader(sandbox);
  const [look = '', keep = '', restore = ''] = bashBlocks('operations.md');
  await sandbox.serve();
  await sandbox.output('issue', 'create', 'Before the backup');
  expect(reader.type(look)).toContain('127.0.0.1');
  reader.type(keep);
  expect(readdirSync(join(sandbox.repository, 'backups'))).toHaveLength(1);
  expect(existsSync(join(sandbox.repository, 'state.jsonl'))).toBe(true);
  await sandbox.output('issue', 'create', 'After the backup');

  await sandbox.stop();
  reader.type(restore);
  await sandbox.serve();
  const { issues } = JSON.parse(await sandbox.output('issue', 'list', '--json'));
  expect(issues.map(({ title }: { title: string }) => title)).toEqual(['Before the backup']);
});
