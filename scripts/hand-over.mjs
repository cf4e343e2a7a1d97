import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** Signals that are meant for whatever runs here. */
const forwarded = /** @type {const} */ (['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']);
/** Of these, a terminal sends some to the whole foreground group, the child included. */
const sentByTerminal = new Set(['SIGINT', 'SIGQUIT', 'SIGHUP']);

/**
 * Becomes `program`. Where Node can replace its own process it does; elsewhere the program runs as a child that gets
 * every signal, and this process ends the way the child did.
 * @param {string} program
 * @param {string[]} args
 * @param {string} directory
 * @returns {Promise<void>}
 */
export async function handOver(program, args, directory) {
  process.chdir(directory);
  if (process.execve !== undefined && process.platform !== 'win32') {
    process.execve(program, [program, ...args], process.env);
  }

  // Listening comes before starting, so that no signal falls between the two.
  /** @type {NodeJS.Signals[]} */
  const early = [];
  /** @type {(signal: NodeJS.Signals) => void} */
  let pass = (signal) => void early.push(signal);
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  for (const signal of forwarded) {
    process.on(signal, () => {
      if (!(onTerminal && sentByTerminal.has(signal))) pass(signal);
    });
  }
  const child = spawn(program, args, { stdio: 'inherit' });
  pass = (signal) => void child.kill(signal);
  for (const signal of early) pass(signal);

  await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      endLike(code, signal);
      resolve(undefined);
    });
  });
}

/**
 * @param {number | null} code
 * @param {NodeJS.Signals | null} signal
 */
function endLike(code, signal) {
  process.exitCode = code ?? (signal === null ? 1 : 128 + constants.signals[signal]);
  if (signal === null) return;
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
