import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { referenceDocuments } from '../../scripts/reference-documents.ts';

const root = resolve(import.meta.dirname, '../..');

test('the generated reference says what the code says', async () => {
  for (const [path, text] of Object.entries(await referenceDocuments())) {
    // `npm run generate` writes it anew.
    expect(readFileSync(join(root, path), 'utf8'), path).toBe(text);
  }
});
