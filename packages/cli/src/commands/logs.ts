import { Argument, type Command } from 'commander';
import { settingOf } from '@orchestration-sidecar/server/config';
import type { LogLevel } from '@orchestration-sidecar/shared';
import { printAnswer, reads, withClient, type ReadOptions } from '../client-command.ts';
import { withExamples } from '../help-text.ts';
import type { Terminal } from '../terminal.ts';

/** `sidecar logs`: the sidecar’s own log. */
export function addLogs(program: Command, terminal: Terminal): void {
  const logs = program
    .command('logs')
    .summary('change how much is logged')
    .description('The sidecar’s own log: logs/sidecar.log in the data directory.');

  withExamples(
    reads(
      logs
        .command('level')
        .summary('change how much is logged')
        .description('Changes how much is logged, until it is changed again or the sidecar starts anew.')
        .addArgument(new Argument('<level>', 'least grave lines to log').choices(levels())),
    ),
    'sidecar logs level debug',
  ).action((level: LogLevel, options: ReadOptions) =>
    withClient(options, terminal, async (client) => {
      const answer = await client.logs.level({ level });
      printAnswer(terminal, options, answer, (it) => [`Log level ${it.level}; it was ${it.previous}.`]);
    }),
  );
}

/** Taken from the table of settings, which is all that help may load. */
function levels(): readonly string[] {
  const setting = settingOf('logLevel');
  return setting.kind === 'choice' ? setting.choices : [];
}
