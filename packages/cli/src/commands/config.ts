import type { Command } from 'commander';
import type { Config } from '@orchestration-sidecar/server/config';
import type { Connection } from '../connection.ts';
import { reads, printAnswer, type ReadOptions } from '../client-command.ts';
import { CommandFailure } from '../failure.ts';
import { gitRoot } from '../git-root.ts';
import { withExamples } from '../help-text.ts';
import { renderTable } from '../render/table.ts';
import type { Terminal } from '../terminal.ts';

/** `sidecar config`: what is set, and by what. */
export function addConfig(program: Command, terminal: Terminal): void {
  const config = program.command('config').summary('show the configuration').description('What is set, and by what.');
  withExamples(
    reads(
      config
        .command('show')
        .summary('show what is set, and by what')
        .description(
          'Shows with which settings `serve` would start here, and which sidecar and token the other commands would use. ' +
            'Tokens themselves are never shown. Needs no sidecar.',
        ),
    ),
    'sidecar config show',
    'SIDECAR_PORT=4000 sidecar config show --json',
  ).action((options: ReadOptions) => show(options, terminal));
}

async function show(options: ReadOptions, terminal: Terminal): Promise<void> {
  const { loadConfig } = await import('@orchestration-sidecar/server/config');
  const { environment, cwd } = terminal;
  const flags = options.dataDir === undefined ? {} : { dataDir: options.dataDir };
  const config = loadConfig(flags, environment, cwd);
  const repository = gitRoot(cwd);
  const settings = Object.entries(config).map(([name, value]: [string, Config[keyof Config]]) => {
    const variable = variableOf(name);
    if (name === 'dataDir' && options.dataDir !== undefined) return { name, value, from: '--data-dir' };
    if (environment[variable]) return { name, value, from: variable };
    if (name === 'project' && repository !== null) return { name, value: repository, from: 'this git repository' };
    return { name, value, from: 'default' };
  });
  const connection = await connectionOrNull(options, terminal);
  const answer = {
    settings,
    connection: connection && {
      url: connection.url,
      url_from: connection.urlFrom,
      token_from: connection.tokenFrom ?? null,
    },
  };
  printAnswer(terminal, options, answer, () => [
    ...renderTable(
      settings,
      [
        { title: 'setting', text: ({ name }) => name, style: () => 'bold' },
        { title: 'value', text: ({ value }) => shown(value), flexible: true },
        { title: 'from', text: ({ from }) => from },
      ],
      terminal,
    ),
    '',
    connection
      ? `Commands talk to ${connection.url} (${connection.urlFrom}), token from ${connection.tokenFrom ?? 'nowhere'}.`
      : `Commands know no sidecar: none runs on ${config.dataDir}.`,
  ]);
}

/** The variable that a setting is taken from: `maxAgents` from `SIDECAR_MAX_AGENTS`. */
function variableOf(setting: string): string {
  if (setting === 'profilesDir') return 'SIDECAR_PROFILES';
  return `SIDECAR_${setting.replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`;
}

function shown(value: Config[keyof Config]): string {
  if (value === null) return 'none';
  return typeof value === 'object' ? value.join(', ') || 'none' : `${value}`;
}

async function connectionOrNull(options: ReadOptions, terminal: Terminal): Promise<Connection | null> {
  const { findSidecar } = await import('../connection.ts');
  try {
    return findSidecar(options, terminal);
  } catch (cause) {
    if (cause instanceof CommandFailure) return null;
    throw cause;
  }
}
