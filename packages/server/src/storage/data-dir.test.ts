import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDataDir } from './data-dir.ts';

test('makes what is missing, for its owner alone, and opens what is there', () => {
  const root = mkdtempSync(join(tmpdir(), 'sidecar-dir-'));
  try {
    const first = openDataDir(join(root, 'a', 'b'));
    expect(openDataDir(join(root, 'a', 'b'))).toEqual(first);
    for (const place of [first.root, first.keys, first.results, first.agents, first.logs]) {
      expect(statSync(place).mode & 0o777).toBe(0o700);
    }
  } finally {
    rmSync(root, { recursive: true });
  }
});

test.runIf(process.platform === 'linux')(
  'a place where nothing can be made is an error at once (it once never ended)',
  () => {
    expect(() => openDataDir('/proc/sidecar')).toThrow(/ENOENT/);
  },
);
