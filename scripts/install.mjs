import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { withLock } from './install-lock.mjs';
import { installDigest, removeStamp, validStamp, writeStamp } from './install-stamp.mjs';
import { tryPinnedNode } from './pinned-node.mjs';
import { root } from './places.mjs';
import { say } from './say.mjs';

const pnpm = 'pnpm@12.21.0';

/**
 * Installs what the lock file pins, unless that is what stands here already.
 * @returns {Promise<import('./install-stamp.mjs').Stamp>}
 */
export async function ensureInstalled() {
  return validStamp(root, installDigest(root)) ?? (await withLock(join(root, '.bootstrap.lock'), install, tellWait));
}

async function install() {
  const digest = installDigest(root);
  const done = validStamp(root, digest);
  if (done !== undefined) return done;

  say(`installing what pnpm-lock.yaml pins, with ${pnpm}`);
  const started = Date.now();
  removeStamp(root);
  await runPnpm(['install', '--frozen-lockfile']);
  const stamp = { digest, pinnedNodeRuns: tryPinnedNode() };
  // npm puts this directory first in its scripts' PATH: a Node there that does not start would shadow one that does.
  if (!stamp.pinnedNodeRuns) rmSync(join(root, 'node_modules', '.bin', 'node'), { force: true });
  writeStamp(root, stamp);
  say(`installed in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  return stamp;
}

/** @param {string} holder */
function tellWait(holder) {
  say(`waiting for the install of ${holder}`);
}

/**
 * pnpm's own output is shown to a terminal as it comes, and otherwise only when it failed. It runs in a process group
 * of its own, so that a signal to us ends all of it before the lock is given up.
 * @param {string[]} args
 * @returns {Promise<void>}
 */
function runPnpm(args) {
  const live = process.stderr.isTTY;
  const child = spawn('npx', ['--yes', pnpm, ...args], {
    cwd: root,
    // npm tells its scripts its own settings this way; pnpm would take them for its own.
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_'))),
    stdio: ['ignore', live ? 2 : 'pipe', live ? 2 : 'pipe'],
    detached: true,
  });
  /** @type {Buffer[]} */
  const output = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => output.push(chunk));

  /** @type {NodeJS.Signals | undefined} */
  let ended;
  /** @param {NodeJS.Signals} signal */
  const end = (signal) => {
    ended = signal;
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  };
  const signals = /** @type {const} */ (['SIGTERM', 'SIGINT', 'SIGHUP']);
  for (const signal of signals) process.on(signal, end);

  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      for (const signal of signals) process.off(signal, end);
      if (ended !== undefined) process.exit(128 + constants.signals[ended]);
      if (code === 0) return resolve();
      process.stderr.write(Buffer.concat(output));
      reject(
        new Error(
          `pnpm ended with ${code}; when a package.json has changed, update the lock file: npx ${pnpm} install`,
        ),
      );
    });
  });
}
