import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { writeFileAtomic } from './atomic-file.ts';

const root = mkdtempSync(join(tmpdir(), 'sidecar-atomic-file-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('a file was refused when its directory was removed as empty between its making and the file’s', async () => {
  const seen = { removed: 0 };
  for (let round = 0; seen.removed < 3; round += 1) {
    const directory = join(root, `${round}`);
    const file = { isWritten: false };
    // It is empty only in between, so what removes it has met just that moment.
    const removing = (async () => {
      while (!file.isWritten) {
        const isRemoved = await rmdir(directory).then(
          () => true,
          () => false,
        );
        if (!isRemoved) continue;
        seen.removed += 1;
        return;
      }
    })();
    await writeFileAtomic(join(directory, 'file'), 'text').finally(() => (file.isWritten = true));
    await removing;
    expect(readFileSync(join(directory, 'file'), 'utf8')).toBe('text');
    expect(readdirSync(directory)).toEqual(['file']);
  }
});
