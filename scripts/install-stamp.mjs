import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** @typedef {{ digest: string, pinnedNodeRuns: boolean }} Stamp what was installed, and what was found out doing it */

/**
 * What an install depends on, as one digest: the lock file, every package.json and the platform.
 * @param {string} root
 */
export function installDigest(root) {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}\0`);
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', '.npmrc', ...manifests(root)]) {
    const path = join(root, file);
    if (existsSync(path)) hash.update(`${file}\0`).update(readFileSync(path)).update('\0');
  }
  return hash.digest('hex');
}

/**
 * The stamp of the last install, when that is complete, of this very digest, and still there.
 * @param {string} root
 * @param {string} digest
 * @returns {Stamp | undefined}
 */
export function validStamp(root, digest) {
  const file = stampFile(root);
  if (!existsSync(file)) return undefined;
  /** @type {Partial<Stamp>} */
  const { digest: installed, pinnedNodeRuns = false } = JSON.parse(readFileSync(file, 'utf8'));
  return installed === digest && isWhole(root) ? { digest, pinnedNodeRuns } : undefined;
}

/**
 * @param {string} root
 * @param {Stamp} stamp
 */
export function writeStamp(root, stamp) {
  const file = stampFile(root);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, JSON.stringify(stamp));
  renameSync(`${file}.new`, file);
}

/** @param {string} root */
export function removeStamp(root) {
  rmSync(stampFile(root), { force: true });
}

/** @param {string} root */
function stampFile(root) {
  return join(root, 'node_modules', '.cache', 'bootstrap', 'installed.json');
}

/**
 * Someone may have removed one package's node_modules by hand.
 * @param {string} root
 */
function isWhole(root) {
  return manifests(root).every((file) => {
    /** @type {{ dependencies?: Record<string, string> }} */
    const { dependencies = {} } = JSON.parse(readFileSync(join(root, file), 'utf8'));
    const modules = join(root, dirname(file), 'node_modules');
    return Object.keys(dependencies).every((name) => existsSync(join(modules, name)));
  });
}

/** @param {string} root */
function manifests(root) {
  const packages = readdirSync(join(root, 'packages')).toSorted();
  return ['package.json', ...packages.map((name) => join('packages', name, 'package.json'))].filter((file) =>
    existsSync(join(root, file)),
  );
}
