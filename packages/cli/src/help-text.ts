import { Help, type Command } from 'commander';

const examples = new WeakMap<Command, readonly string[]>();

/** Adds examples below the help of a command. */
export function withExamples(command: Command, ...lines: readonly string[]): Command {
  examples.set(command, lines);
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}

/** Adds the first example of each of its commands below the help of a group. */
export function withExamplesOfCommands(group: Command): Command {
  return withExamples(group, ...group.commands.flatMap((command) => examplesOf(command).slice(0, 1)));
}

/** The examples of a command. */
export function examplesOf(command: Command): readonly string[] {
  return examples.get(command) ?? [];
}

/** Narrowest that the text beside an option may be, in columns. */
const LEAST_TEXT_COLUMNS = 40;
const BELOW = ' '.repeat(6);

/** Lays out an option or a command in the help: where its name leaves no room for the text, that goes below. */
export function formatItem(term: string, termColumns: number, text: string, help: Help): string {
  const columns = help.helpWidth ?? 80;
  if (text === '' || columns - termColumns >= LEAST_TEXT_COLUMNS + BELOW.length) {
    return Help.prototype.formatItem.call(help, term, termColumns, text, help);
  }
  const below = help.boxWrap(text, columns - BELOW.length).replaceAll('\n', `\n${BELOW}`);
  return `  ${term}\n${BELOW}${below}`;
}
