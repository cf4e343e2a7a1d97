import type { Command } from 'commander';
import type { Connection } from '../connection.ts';
import { reads, printAnswer, type ReadOptions } from '../client-command.ts';
import { CommandFailure } from '../failure.ts';
import { gitRoot } from '../git-root.ts';
import { withExamples } from '../help-text.ts';
import { renderTable } from '../render/table.ts';
import type { Terminal } from '../terminal.ts';

/** Settings of `serve` and the variables they come from, in the order they are shown. */
const VARIABLES = {
  host: 'SIDECAR_HOST',
  port: 'SIDECAR_PORT',
  dataDir: 'SIDECAR_DATA_DIR',
  project: 'SIDECAR_PROJECT',
  profilesDir: 'SIDECAR_PROFILES',
  logLevel: 'SIDECAR_LOG_LEVEL',
  maxAgents: 'SIDECAR_MAX_AGENTS',
  contextCacheMaxBytes: 'SIDECAR_CONTEXT_CACHE_MAX_BYTES',
  allowedOrigins: 'SIDECAR_ALLOWED_ORIGINS',
} as const;

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
  const settings = Object.entries(VARIABLES).map(([name, variable]) => {
    const value = Object.entries(config).find(([key]) => key === name)?.[1];
    if (name === 'dataDir' && options.dataDir !== undefined) return { name, value, from: '--data-dir' };
    if (environment[variable]) return { name, value, from: variable };
    if (name === 'project' && repository !== null) return { name, value: repository, from: 'this git repository' };
    return { name, value, from: 'default' };
  });
  const connection = await connectionOrNull(options, terminal);
  const answer = {
    settings,
    connection: connection && { url: connection.url, url_from: connection.urlFrom, token_from: connection.tokenFrom ?? null },
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

function shown(value: unknown): string {
  if (value === null || value === undefined) return 'none';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ');
  return String(value);
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
