import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';

/** A command to run to its end. */
export interface CommandRequest {
  readonly command: readonly string[];
  readonly cwd: string;
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Longest run, in milliseconds; the command and what it started are killed then. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** How a command went. */
export interface CommandReport {
  /** Null: it did not exit by itself, or could not be started. */
  readonly exitCode: number | null;
  readonly durationMs: number;
  /** SHA-256 of everything it printed, hexadecimal. */
  readonly outputSha256: string;
  /** End of what it printed, errors and output as they came. */
  readonly outputTail: string;
}

const TAIL_CHARS = 8192;

/**
 * Runs a command to its end in a process group of its own, without a shell. Never rejects: a command that cannot be
 * started or runs out of time reports no exit code.
 */
export function runCommand(request: CommandRequest): Promise<CommandReport> {
  const { command, cwd, env, timeoutMs, signal } = request;
  const [file = '', ...args] = command;
  const startedMs = performance.now();
  const hash = createHash('sha256');
  let tail = '';
  const { promise, resolve } = Promise.withResolvers<CommandReport>();
  const child = spawn(file, args, { cwd, env: { ...env }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = (): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // The group has ended by itself.
    }
  };
  const timer = setTimeout(kill, timeoutMs);
  signal.addEventListener('abort', kill, { once: true });
  if (signal.aborted) kill();
  const take = (chunk: Buffer): void => {
    hash.update(chunk);
    tail = (tail + chunk.toString('utf8')).slice(-TAIL_CHARS);
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  let settled = false;
  const settle = (exitCode: number | null): void => {
    // A program that could not be started is told of twice: as an error, then as closed.
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    signal.removeEventListener('abort', kill);
    // What the command left running must not go on changing what was just checked.
    kill();
    resolve({
      exitCode,
      durationMs: performance.now() - startedMs,
      outputSha256: hash.digest('hex'),
      outputTail: tail,
    });
  };
  child.once('error', (cause) => {
    tail = cause.message;
    settle(null);
  });
  child.once('close', (exitCode) => settle(exitCode));
  return promise;
}
