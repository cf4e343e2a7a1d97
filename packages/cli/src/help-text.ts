import type { Command } from 'commander';

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
