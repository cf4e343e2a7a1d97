import type { Command } from 'commander';
import { EXIT_MEANINGS } from '../exit-codes.ts';
import { CONNECTION_GROUP, CONNECTION_OPTIONS } from '../client-command.ts';
import { examplesOf } from '../help-text.ts';

/** The reference of every command as Markdown, made from the command tree. */
export function renderReference(program: Command): string {
  const leaves = leavesOf(program, program.name());
  return [
    '# The `sidecar` command',
    '',
    'Made from the commands themselves by `npm run generate`; `sidecar <command> --help` says the same.',
    '',
    program.description(),
    '',
    '## How a command finds its sidecar',
    '',
    'The address is taken from `--url`, else `SIDECAR_URL`, else `sidecar.json` in the data directory, which a running',
    'sidecar writes there. With `--socket`, or `SIDECAR_SOCKET` where no URL is given, the connection goes over that Unix',
    'socket, without TLS. A sidecar that speaks TLS is trusted by the well-known authorities and by the certificates of',
    '`--ca-file`, else of `SIDECAR_CA_FILE`, else of the file that it named in `sidecar.json`.',
    '',
    'The token is taken from `--token`, else `SIDECAR_TOKEN`, else, inside of an agent (`AGENT_ID` is set), `JWT_TOKEN`, else',
    '`operator.token` in the data directory; that one is only sent to the sidecar of that directory, to a loopback address or',
    'to a Unix socket. The data directory is `--data-dir`, else `SIDECAR_DATA_DIR`, else',
    '`$XDG_STATE_HOME/orchestration-sidecar` (`~/.local/state/orchestration-sidecar`).',
    '',
    ...table(
      ['Connection option', 'Meaning'],
      CONNECTION_OPTIONS.map(([flags, meaning]) => [`\`${flags}\``, meaning]),
    ),
    '',
    'Data goes to standard output, everything else to standard error. Colours are used on a terminal only, and not with',
    '`NO_COLOR`. Every command that reads takes `--json`.',
    '',
    '## Exit codes',
    '',
    ...table(
      ['Code', 'Meaning'],
      Object.entries(EXIT_MEANINGS).map(([code, meaning]) => [code, meaning]),
    ),
    '',
    '## Commands',
    '',
    ...table(
      ['Command', 'What it does'],
      leaves.map(({ command, path }) => [
        `[\`${path}\`](#${path.replaceAll(' ', '-')})`,
        command.summary() || command.description(),
      ]),
    ),
    '',
    ...leaves.flatMap((leaf) => section(leaf)),
  ].join('\n');
}

interface Leaf {
  readonly command: Command;
  /** With the program’s name: `sidecar issue list`. */
  readonly path: string;
}

function leavesOf(command: Command, path: string): Leaf[] {
  if (command.commands.length === 0) return [{ command, path }];
  return command.commands.flatMap((child) => leavesOf(child, `${path} ${child.name()}`));
}

function section({ command, path }: Leaf): string[] {
  const help = command.createHelp();
  const args = command.registeredArguments.map((it) => (it.required ? `<${it.name()}>` : `[${it.name()}]`));
  const visible = help.visibleOptions(command).filter(({ long }) => long !== '--help');
  const options = visible.filter((option) => option.helpGroupHeading !== CONNECTION_GROUP);
  const examples = examplesOf(command);
  return [
    `### ${path}`,
    '',
    '```text',
    [path, ...args, ...(visible.length > 0 ? ['[options]'] : [])].join(' '),
    '```',
    '',
    command.description(),
    '',
    ...(visible.length === options.length
      ? []
      : ['Takes the [connection options](#how-a-command-finds-its-sidecar).', '']),
    ...(options.length === 0
      ? []
      : [
          ...table(
            ['Option', 'Meaning'],
            options.map((option) => [`\`${option.flags}\``, help.optionDescription(option)]),
          ),
          '',
        ]),
    ...(examples.length === 0 ? [] : ['```bash', ...examples, '```', '']),
  ];
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll('|', String.raw`\|`)));
  const widths = titles.map((title, index) => Math.max(title.length, ...cells.map((row) => row[index]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(' | ')} |`;
  return [
    line(titles),
    `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`,
    ...cells.map((row) => line(row)),
  ];
}
