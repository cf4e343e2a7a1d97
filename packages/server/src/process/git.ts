import { spawn } from 'node:child_process';
import { processEnvironment } from '../runtime/environment.ts';

/** One call of git that only reads. */
export interface GitCall {
  /** Arguments from the sub-command on; values from callers stand behind `--` or `--end-of-options`. */
  readonly args: readonly string[];
  readonly cwd: string;
  /** Repository to read; left out, git looks for one from `cwd` upwards. */
  readonly gitDir?: string | undefined;
  /** Working tree of `gitDir`; stated so that `core.worktree` of a repository cannot move it. */
  readonly workTree?: string | undefined;
  /** Configuration for this call alone, over the repository’s own. */
  readonly config?: readonly (readonly [name: string, value: string])[];
  /** Most bytes of output that are kept; git is stopped beyond. Default 64 MB. */
  readonly maxOutputBytes?: number;
  /** Longest the call may take, in milliseconds. Default 60,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** What git answered. */
export interface GitAnswer {
  readonly exitCode: number | null;
  readonly output: Buffer;
  readonly error: string;
  /** Whether output was cut at `maxOutputBytes`, or git at `timeoutMs`. */
  readonly cut: boolean;
}

/**
 * What a repository may say about itself but not make us do: programs that git would start for it. Filter drivers
 * have names of their own; {@link filterDrivers} finds those.
 */
const DISARMED: readonly (readonly [string, string])[] = [
  ['core.fsmonitor', 'false'],
  ['core.hooksPath', '/dev/null'],
  ['core.untrackedCache', 'keep'],
  ['core.quotePath', 'false'],
  ['core.excludesFile', '/dev/null'],
  ['core.attributesFile', '/dev/null'],
  ['diff.ignoreSubmodules', 'all'],
  ['status.submoduleSummary', 'false'],
  ['submodule.recurse', 'false'],
  ['log.showSignature', 'false'],
  // Not used, and yet git ends when it does not know the value.
  ['format.pretty', 'medium'],
  ['log.date', 'default'],
  ['i18n.logOutputEncoding', 'UTF-8'],
  ['color.ui', 'false'],
  ['protocol.allow', 'never'],
  // Ownership is git’s guard against configuration that executes; nothing here lets it.
  ['safe.directory', '*'],
];

const ERROR_BYTES = 8192;

/**
 * Runs git without letting a repository run anything: no hooks, monitor, pager, external diff, helper or lazy fetch;
 * no system or personal configuration; no lock taken; no prompt.
 *
 * Rejects with the signal’s reason when cancelled, and with the system’s error when git cannot be started.
 */
export function runGit(call: GitCall): Promise<GitAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<GitAnswer>();
  const { signal, maxOutputBytes = 64 * 1024 * 1024, timeoutMs = 60_000 } = call;
  if (signal?.aborted) {
    reject(signal.reason as Error);
    return promise;
  }
  const child = spawn('git', ['--no-pager', '--literal-pathspecs', ...call.args], {
    cwd: call.cwd,
    env: gitEnvironment(call),
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
  });
  const chunks: Buffer[] = [];
  let size = 0;
  let cut = false;
  let error = '';
  const stop = (): void => {
    child.kill('SIGKILL');
  };
  const timer = setTimeout(() => {
    cut = true;
    stop();
  }, timeoutMs);
  signal?.addEventListener('abort', stop, { once: true });
  child.stdout.on('data', (chunk: Buffer) => {
    if (cut) return;
    const room = maxOutputBytes - size;
    chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    size += Math.min(chunk.length, room);
    if (chunk.length > room) {
      cut = true;
      stop();
    }
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    if (error.length < ERROR_BYTES) error += chunk.slice(0, ERROR_BYTES - error.length);
  });
  const settle = (): void => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  };
  child.once('error', (cause) => {
    settle();
    reject(cause);
  });
  child.once('close', (exitCode) => {
    settle();
    if (signal?.aborted) reject(signal.reason as Error);
    else resolve({ exitCode, output: Buffer.concat(chunks, size), error, cut });
  });
  return promise;
}

/**
 * Settings that disarm every content filter a repository’s configuration defines: comparing a working tree runs
 * `filter.<name>.clean`, and no fixed list can name them.
 */
export async function filterDrivers(call: Omit<GitCall, 'args'>): Promise<readonly (readonly [string, string])[]> {
  const { output, exitCode } = await runGit({
    ...call,
    args: ['config', '--includes', '-z', '--name-only', '--get-regexp', '^filter\\..*'],
  });
  if (exitCode !== 0) return [];
  const names = new Set(
    output
      .toString('utf8')
      .split('\0')
      .map((key) => /^filter\.(.*)\.[^.]+$/s.exec(key)?.[1])
      .filter((name) => name !== undefined),
  );
  return [...names].flatMap((name): [string, string][] => [
    [`filter.${name}.clean`, ''],
    [`filter.${name}.smudge`, ''],
    [`filter.${name}.process`, ''],
    [`filter.${name}.required`, 'false'],
  ]);
}

function gitEnvironment(call: GitCall): NodeJS.ProcessEnv {
  const own = processEnvironment();
  const passed = Object.fromEntries(
    ['PATH', 'SYSTEMROOT', 'TMPDIR'].flatMap((name) => (own[name] === undefined ? [] : [[name, own[name]]])),
  ) as Record<string, string>;
  // By environment and not by `-c`: a name may hold `=`.
  const settings = [...DISARMED, ...(call.config ?? [])];
  return {
    ...passed,
    ...Object.fromEntries(
      settings.flatMap(([name, value], index) => [
        [`GIT_CONFIG_KEY_${index}`, name],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
    GIT_CONFIG_COUNT: String(settings.length),
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    GIT_NO_LAZY_FETCH: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    // No transport at all, for a git too old to know GIT_NO_LAZY_FETCH.
    GIT_ALLOW_PROTOCOL: 'none',
    ...(call.gitDir === undefined ? {} : { GIT_DIR: call.gitDir }),
    ...(call.workTree === undefined ? {} : { GIT_WORK_TREE: call.workTree }),
  };
}
