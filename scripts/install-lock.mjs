import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const heartbeatEvery = 2_000;
/** Who shows no sign of life for this long has lost the lock. */
const staleAfter = 30_000;

/**
 * Runs `work` while no other process that asks for the same lock directory does.
 *
 * The directory holds one file, named after its owner. Taking the lock renames a ready directory into place, which
 * fails while one with an owner is there. A dead owner is removed by its own unique name, so a slow remover cannot
 * hurt the next owner.
 * @template T
 * @param {string} directory
 * @param {() => Promise<T>} work
 * @param {(holder: string) => void} [onWait] told once when another process holds the lock
 * @returns {Promise<T>}
 */
export async function withLock(directory, work, onWait) {
  const owner = `${process.pid}@${hostname()}@${randomUUID()}`;
  for (let told = false; !take(directory, owner);) {
    const holder = livingHolder(directory);
    if (holder === undefined) continue;
    if (!told) onWait?.(`process ${holder.pid}`);
    told = true;
    await sleep(100);
  }

  const file = join(directory, owner);
  const heartbeat = setInterval(() => ifThere(() => utimesSync(file, new Date(), new Date())), heartbeatEvery);
  const release = () => {
    clearInterval(heartbeat);
    rmSync(file, { force: true });
    ifThere(() => rmdirSync(directory));
  };
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

/**
 * @param {string} directory
 * @param {string} owner
 */
function take(directory, owner) {
  if (livingHolder(directory) !== undefined) return false;
  const ready = `${directory}.${owner}`;
  mkdirSync(ready);
  writeFileSync(join(ready, owner), '');
  try {
    renameSync(ready, directory);
    return true;
  } catch (error) {
    rmSync(ready, { recursive: true, force: true });
    if (hasCode(error, 'ENOTEMPTY', 'EEXIST')) return false;
    throw error;
  }
}

/**
 * Who holds the lock now; the dead are swept out on the way.
 * @param {string} directory
 */
function livingHolder(directory) {
  for (const name of ifThere(() => readdirSync(directory)) ?? []) {
    const [pid = '', host = ''] = name.split('@');
    const file = join(directory, name);
    const seen = ifThere(() => statSync(file).mtimeMs);
    if (seen === undefined) continue;
    const gone = host === hostname() && !isAlive(Number(pid));
    if (!gone && Date.now() - seen < staleAfter) return { pid: Number(pid) };
    rmSync(file, { force: true });
  }
  return undefined;
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasCode(error, 'ESRCH');
  }
}

/**
 * @template T
 * @param {() => T} action on something that another process may have removed or filled
 */
function ifThere(action) {
  try {
    return action();
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST')) return undefined;
    throw error;
  }
}

/**
 * @param {unknown} error
 * @param {string[]} codes
 */
function hasCode(error, ...codes) {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
