import { statSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import type { Command } from 'commander';
import type { Config, Sidecar } from '@orchestration-sidecar/server';
import { EXIT } from '../exit-codes.ts';
import { CommandFailure } from '../failure.ts';
import { gitRoot } from '../git-root.ts';
import { withExamples } from '../help-text.ts';
import { renderLogLine } from '../render/log-line.ts';
import { addSettingOptions, settingFlags } from '../setting-options.ts';
import { listenForStop } from '../stop-requests.ts';
import type { Terminal } from '../terminal.ts';

/** `sidecar serve`: runs the sidecar until it is asked to stop. */
export function addServe(program: Command, terminal: Terminal): void {
  const command = program
    .command('serve')
    .summary('run the sidecar')
    .description(
      'Runs the sidecar until it is asked to stop. Prints one line with the URL when it is ready and writes ' +
        'sidecar.json and operator.token into the data directory, where the other commands find them. Started ' +
        'inside a git repository, it registers that repository as the default project. Ctrl-C and SIGTERM stop it with 0: ' +
        'requests are finished, agents go on running and are adopted by the next start; a second Ctrl-C more than two seconds later ends it at once, with 1.',
    )
    .option('--config <file>', 'configuration file (SIDECAR_CONFIG; default: the nearest sidecar.config.json or .ts)');
  addSettingOptions(command);
  withExamples(command, 'sidecar serve', 'sidecar serve --port 0 --data-dir ./state --project ~/work/shop').action(
    (options: ServeOptions) => serve(options, terminal),
  );
}

/** When the code that starting has compiled is kept for the next start. It takes time only where there is new code. */
const KEEP_COMPILED_AFTER_MS = 2000;

/** The configuration file, and a value for each flag of a setting. */
interface ServeOptions extends Readonly<Record<string, unknown>> {
  readonly config?: string;
}

async function serve(options: ServeOptions, terminal: Terminal): Promise<void> {
  // A diagnostic report, written where Node was told to on a crash, lists the environment with every secret in it.
  process.report.excludeEnv = true;
  const requests = listenForStop();
  requests.force.addEventListener('abort', () => {
    terminal.note('Stopped at once; agents that were running are settled at the next start.');
    process.exit(EXIT.failed);
  });
  try {
    const { loadConfig } = await import('@orchestration-sidecar/server/config');
    const { environment, cwd } = terminal;
    const loaded = await loadConfig(settingFlags(options), environment, cwd, { configFile: options.config });
    const config = withDefaultProject(loaded.config, cwd);
    requireDirectory('project', config.project);
    requireDirectory('folder of profiles', config.profilesDir);
    const { preventCoreDumps, startSidecar, VERSION } = await import('@orchestration-sidecar/server');
    const dumps = preventCoreDumps(environment['PATH'] ?? '');
    terminal.note(`Orchestration Sidecar ${VERSION}, data in ${config.dataDir}`);
    if (loaded.file !== null) terminal.note(`Settings from ${loaded.file}`);
    for (const warning of loaded.warnings) terminal.note(warning);
    terminal.note(
      config.project === null ? 'No default project: not inside a git repository.' : `Project ${config.project}`,
    );

    const sidecar = await startSidecar({
      config,
      environment,
      ...logOn(terminal, config),
      onClosing: (part) => {
        if (requests.stop.aborted && config.logLevel === 'debug') terminal.note(`closing ${part}`);
      },
      onHeld: (part, deadlineMs, holding) =>
        terminal.note(
          `Still open after ${deadlineMs / 1000} s and left behind: ${part}${holding ? ` (${holding})` : ''}`,
        ),
    });
    if (!(await dumps) && process.platform === 'linux') {
      terminal.note(
        'A crash may leave a core dump with tokens in it: there is no prlimit (util-linux) to prevent that.',
      );
    }
    await runUntil(requests.stop, sidecar, terminal);
  } catch (cause) {
    throw await inWords(cause);
  }
}

async function runUntil(stop: AbortSignal, sidecar: Sidecar, terminal: Terminal): Promise<void> {
  if (!stop.aborted) {
    terminal.print(`Orchestration Sidecar is ready on ${sidecar.url}`);
    // By its end, which may be a kill, V8 has long forgotten what only a start runs.
    setTimeout(flushCompileCache, KEEP_COMPILED_AFTER_MS).unref();
    await new Promise((resolve) => stop.addEventListener('abort', resolve, { once: true }));
  }
  terminal.note('Stopping: requests are finished, agents that run go on and are adopted by the next start.');
  // Deadlines keep no process alive by themselves.
  const alive = setInterval(() => {}, 60_000);
  try {
    await sidecar.stop();
  } catch (cause) {
    terminal.note(`Not everything could be closed: ${cause instanceof Error ? cause.message : String(cause)}`);
    // What is left open would keep the process.
    process.exit(EXIT.failed);
  }
  clearInterval(alive);
  terminal.note('Stopped.');
}

/** Shows the log on standard error, as `logOnTerminal` says. */
function logOn(terminal: Terminal, { logOnTerminal }: Config): { onLogLine?: (line: string) => void } {
  const { notesAreTerminal, paintNote } = terminal;
  const form = logOnTerminal === 'auto' ? (notesAreTerminal ? 'pretty' : 'off') : logOnTerminal;
  if (form === 'off') return {};
  if (form === 'json') return { onLogLine: (line) => terminal.writeNote(line) };
  return { onLogLine: (line) => terminal.note(renderLogLine(line, paintNote)) };
}

function withDefaultProject(config: Config, cwd: string): Config {
  return config.project === null ? { ...config, project: gitRoot(cwd) } : config;
}

function requireDirectory(what: string, path: string | null): void {
  if (path === null || statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new CommandFailure(`The ${what} ${path} is not a directory.`, {
    exitCode: EXIT.usage,
    recovery: 'Name an existing directory.',
  });
}

/** Says in words why a sidecar could not start; what is no known obstacle is answered as it came. */
async function inWords(cause: unknown): Promise<unknown> {
  if (!(cause instanceof Error) || cause instanceof CommandFailure) return cause;
  const { DirectoryBusyError, SecretFileError, StoreError } = await import('@orchestration-sidecar/server');
  if (cause instanceof DirectoryBusyError) {
    return new CommandFailure(cause.message, {
      exitCode: EXIT.busy,
      recovery:
        'Use the sidecar that runs there (`sidecar project add PATH` has it serve another repository), stop it, or choose ' +
        'another --data-dir.',
      cause,
    });
  }
  if (cause instanceof StoreError || cause instanceof SecretFileError)
    return new CommandFailure(cause.message, { cause });
  const code = 'code' in cause ? cause.code : undefined;
  const address = [...('address' in cause ? [cause.address] : []), ...('port' in cause ? [cause.port] : [])].join(':');
  switch (code) {
    case 'EADDRINUSE':
      return new CommandFailure(`Another program listens on ${address}.`, {
        exitCode: EXIT.busy,
        recovery: 'Stop it, or choose another --port (0 picks a free one).',
        cause,
      });
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new CommandFailure(`This machine cannot listen on ${address}.`, {
        exitCode: EXIT.usage,
        recovery: 'Choose an address of this machine with --host; the default is 127.0.0.1.',
        cause,
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOTDIR':
      return new CommandFailure(`The system does not allow it: ${cause.message}`, {
        recovery: 'Choose a --data-dir that you may write to, or a --port above 1023.',
        cause,
      });
    default:
      return cause;
  }
}
