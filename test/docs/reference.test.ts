import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { LIFECYCLE_EVENTS } from '@orchestration-sidecar/shared';
import { expect, test } from 'vitest';
import { referenceDocuments } from '../../scripts/reference-documents.ts';

const root = resolve(import.meta.dirname, '../..');

test('the life-cycle events that are promised are published', () => {
  const code = globSync('packages/server/src/**/*.ts', { cwd: root })
    .filter((file) => !file.endsWith('.test.ts'))
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n');
  expect(Object.keys(LIFECYCLE_EVENTS).filter((type) => !code.includes(`'${type}'`))).toEqual([]);
});

test('the generated reference says what the code says', async () => {
  for (const [path, text] of Object.entries(await referenceDocuments())) {
    // `npm run generate` writes it anew.
    expect(readFileSync(join(root, path), 'utf8'), path).toBe(text);
  }
});
