import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './places.mjs';

const packages = ['shared', 'sdk', 'server', 'cli'];

/**
 * Names a state of the sources: changes when any file that goes into the bundle does. Reads no file but the lock, so
 * that asking costs a few milliseconds.
 */
export function bundleStamp() {
  const hash = createHash('sha256').update(readFileSync(join(root, 'pnpm-lock.yaml')));
  for (const name of packages) {
    const source = join(root, 'packages', name, 'src');
    for (const file of readdirSync(source, { recursive: true, encoding: 'utf8' }).toSorted()) {
      if (!/\.(ts|sql|json)$/.test(file) || file.endsWith('.test.ts')) continue;
      const { size, mtimeMs } = statSync(join(source, file));
      hash.update(`${name}/${file}:${size}:${mtimeMs};`);
    }
  }
  return hash.digest('hex').slice(0, 16);
}
