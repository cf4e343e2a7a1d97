import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createProgram } from '../program.ts';
import { processTerminal } from '../terminal.ts';
import { renderReference } from './reference.ts';

const REFERENCE = join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'cli.md');

it('docs/cli.md says what the commands say (vitest run packages/cli -u writes it)', async () => {
  await expect(renderReference(createProgram(processTerminal()))).toMatchFileSnapshot(REFERENCE);
});
