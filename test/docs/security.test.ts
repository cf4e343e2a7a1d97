import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Sandbox } from '../cli/sandbox.ts';
import { bashBlocks, Reader } from './tutorial.ts';

test('the commands of docs/security.md, as their reader would type them', { timeout: 120_000 }, async () => {
  await using sandbox = new Sandbox();
  await sandbox.serve();
  const blocks = bashBlocks('security.md');
  expect(blocks).toHaveLength(1);
  const output = new Reader(sandbox).type(
    ['sidecar issue create "Try"', ...blocks].join('\n').replaceAll('npm run -s sidecar --', 'sidecar'),
  );
  expect(output).toContain('issues.create');
  expect(output).toMatch(/records?, all as they were written/);
});

test('the tests that SECURITY.md names are there', () => {
  const root = join(import.meta.dirname, '../..');
  const named = [...readFileSync(join(root, 'SECURITY.md'), 'utf8').matchAll(/`([\w./-]+\.test\.ts)`/g)].map(
    ([, path = '']) => path,
  );
  expect(named.length).toBeGreaterThan(20);
  const missing = named.filter((path) => ![path, join('test/security', path)].some((it) => existsSync(join(root, it))));
  expect(missing).toEqual([]);
});
