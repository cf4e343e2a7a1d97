import { expect, test } from 'vitest';
import { Sandbox } from '../cli/sandbox.ts';
import { bashBlocks, Reader } from './tutorial.ts';

test('the agents of docs/bash.md, as its reader would type them', { timeout: 120_000 }, async () => {
  await using sandbox = new Sandbox();
  const url = await sandbox.serve();
  const script = bashBlocks('bash.md').join('\n').replaceAll('http://127.0.0.1:3001', url);
  const output = new Reader(sandbox).type(script);

  expect(output).toContain('"event_type":"agent_completed"');
  expect(output).toContain('"state":"exited"');
  expect(output).toContain('"decisions":["One file is enough"]');
  expect(output).toContain("print('Hello, world')");
  expect(output.match(/^build number \d$/gm)).toEqual(['build number 1', 'build number 2', 'build number 3']);
  expect(output.match(/^id: /gm)).toHaveLength(3);
  expect(output).toContain('"acknowledged":1');
  expect(output).toContain('"code":"PERMISSION_DENIED"');
});
