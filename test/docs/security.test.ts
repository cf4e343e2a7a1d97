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
