import type { Command } from 'commander';
import type { LoadedConfig, SettingName, SettingValue } from '@orchestration-sidecar/server/config';
import type { Connection } from '../connection.ts';
import { reads, printAnswer, type ReadOptions } from '../client-command.ts';
import { EXIT } from '../exit-codes.ts';
import { CommandFailure } from '../failure.ts';
import { gitRoot } from '../git-root.ts';
import { withExamples } from '../help-text.ts';
import { renderTable } from '../render/table.ts';
import type { Terminal } from '../terminal.ts';

interface ShowOptions extends ReadOptions {
  readonly config?: string;
}

/** `sidecar config`: what is set, and by what. */
export function addConfig(program: Command, terminal: Terminal): void {
  const config = program.command('config').summary('show the configuration').description('What is set, and by what.');
  withExamples(
    reads(
      config
        .command('show')
        .summary('show what is set, and by what')
        .description(
          'Shows with which settings `serve` would start here and where each comes from: a flag, a variable of the ' +
            'environment, the configuration file or the default; where the sidecar that runs here listens, which may have ' +
            'been started otherwise; and which sidecar and token the other commands would use. Secrets are never ' +
            'shown. Needs no sidecar.',
        )
        .option(
          '--config <file>',
          'configuration file (SIDECAR_CONFIG; default: the nearest sidecar.config.json or .ts)',
        ),
    ),
    'sidecar config show',
    'SIDECAR_PORT=4000 sidecar config show --json',
  ).action((options: ShowOptions) => show(options, terminal));
  withExamples(
    config
      .command('schema')
      .summary('print the JSON Schema of sidecar.config.json')
      .description('Prints the JSON Schema of sidecar.config.json, for editors. Needs no sidecar.'),
    'sidecar config schema > sidecar.config.schema.json',
  ).action(async () => {
    const { configSchema } = await import('@orchestration-sidecar/server/config');
    terminal.print(JSON.stringify(configSchema(), null, 2));
  });
}

async function show(options: ShowOptions, terminal: Terminal): Promise<void> {
  const { loadConfig } = await import('@orchestration-sidecar/server/config');
  const { environment, cwd } = terminal;
  const flags = options.dataDir === undefined ? {} : { dataDir: options.dataDir };
  const loaded = await loadConfig(flags, environment, cwd, { configFile: options.config });
  const settings = await settingsOf(loaded, cwd);
  const connection = await connectionOrNull(options, terminal);
  const { runningSidecar } = await import('../connection.ts');
  const { dataDir } = loaded.config;
  const running = runningSidecar(dataDir);
  const answer = {
    file: loaded.file,
    settings,
    warnings: loaded.warnings,
    running,
    connection: connection && {
      url: connection.url,
      url_from: connection.urlFrom,
      socket: connection.socketPath ?? null,
      token_from: connection.tokenFrom ?? null,
    },
  };
  printAnswer(terminal, options, answer, () => [
    ...renderTable(
      settings,
      [
        { title: 'setting', text: ({ name }) => name, style: () => 'bold' },
        { title: 'value', text: ({ value }) => shown(value), flexible: true },
        { title: 'from', text: ({ from }) => from, style: ({ from }) => (from === 'default' ? 'dim' : undefined) },
      ],
      terminal,
    ),
    '',
    loaded.file === null ? 'No configuration file was found.' : `The configuration file is ${loaded.file}.`,
    running
      ? `The sidecar that runs on ${dataDir} listens on ${running.url}. Above is what the next \`serve\` starts with.`
      : `No sidecar runs on ${dataDir}.`,
    connection
      ? `Commands talk to ${connection.socketPath ?? connection.url} (${connection.socketFrom ?? connection.urlFrom}), token from ${connection.tokenFrom ?? 'nowhere'}.`
      : 'Commands know no sidecar.',
  ]);
  for (const warning of loaded.warnings) terminal.note(warning);
}

interface ShownSetting {
  readonly name: SettingName;
  readonly value: SettingValue;
  readonly from: string;
}

async function settingsOf({ config, sources }: LoadedConfig, cwd: string): Promise<ShownSetting[]> {
  const { SETTING_NAMES, settingOf } = await import('@orchestration-sidecar/server/config');
  const repository = gitRoot(cwd);
  return SETTING_NAMES.map((name) => {
    const [value, from] = [config[name], sources[name]];
    if (settingOf(name).isSecret && value !== null) return { name, value: '(set, not shown)', from };
    if (name === 'project' && value === null && repository !== null) {
      return { name, value: repository, from: 'this git repository' };
    }
    return { name, value, from };
  });
}

function shown(value: SettingValue): string {
  if (value === null) return 'none';
  return typeof value === 'object' ? value.join(', ') || 'none' : `${value}`;
}

async function connectionOrNull(options: ReadOptions, terminal: Terminal): Promise<Connection | null> {
  const { findSidecar } = await import('../connection.ts');
  try {
    return await findSidecar(options, terminal);
  } catch (cause) {
    if (cause instanceof CommandFailure && cause.exitCode === EXIT.unreachable) return null;
    throw cause;
  }
}
