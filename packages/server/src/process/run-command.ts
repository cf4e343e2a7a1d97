import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { MARKER_VARIABLE, processTable, shareListing } from './process-table.ts';
import { sweep } from './sweep.ts';

/** A command to run to its end. */
export interface CommandRequest {
  readonly command: readonly string[];
  readonly cwd: string;
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Longest run, in milliseconds; the command and what it started are killed then. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /**
   * Name of the run, by which what it leaves running in a session of its own is found and ended when it is over, and
   * what a run of a killed sidecar left, before this one begins. Default: only its process group is ended.
   */
  readonly marker?: string;
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
/** How long output is still read after the end: a process that shed every mark can hold the pipe for ever. */
const DRAIN_MS = 1000;

const list = shareListing(processTable);

/**
 * Runs a command to its end in a process group of its own, without a shell. It is over when its own process is; what it
 * left running, in whatever session, is ended then: it must not go on changing what was just checked. Never rejects: a
 * command that cannot be started or runs out of time reports no exit code.
 */
export async function runCommand(request: CommandRequest): Promise<CommandReport> {
  const { command, cwd, env, timeoutMs, signal, marker } = request;
  // A look that fails is no reason not to run, or to be over.
  const clear = async (): Promise<unknown> => marker !== undefined && sweep(list, marker).catch(() => {});
  await clear();
  const [file = '', ...args] = command;
  const startedMs = performance.now();
  const hash = createHash('sha256');
  let tail = '';
  const { promise, resolve } = Promise.withResolvers<CommandReport>();
  const child = spawn(file, args, {
    cwd,
    env: { ...env, ...(marker !== undefined && { [MARKER_VARIABLE]: marker }) },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
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
    child.stdout.destroy();
    child.stderr.destroy();
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
  const closed = Promise.withResolvers<void>();
  child.once('close', () => closed.resolve());
  child.once('exit', (exitCode) => {
    kill();
    void clear().then(async () => {
      const late = setTimeout(closed.resolve, DRAIN_MS);
      await closed.promise;
      clearTimeout(late);
      settle(exitCode);
    });
  });
  return promise;
}
