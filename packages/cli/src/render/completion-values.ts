import type { Argument, Command, Option } from 'commander';

/** What a value can be. */
export type Values =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  /** The cells of a column of the table that a command of ours prints, counted from 1. */
  | { readonly kind: 'listed'; readonly by: string; readonly column: number }
  | { readonly kind: 'files' }
  | { readonly kind: 'any' };

const ANY: Values = { kind: 'any' };
const FILES: Values = { kind: 'files' };

/** What the names of values in the help stand for. */
const BY_NAME: Readonly<Record<string, Values>> = {
  file: FILES,
  path: FILES,
  directory: FILES,
  backup: FILES,
  project: { kind: 'listed', by: 'project list', column: 1 },
  issue: { kind: 'listed', by: 'issue list', column: 1 },
  agent_type: { kind: 'listed', by: 'profiles list', column: 1 },
  type: { kind: 'listed', by: 'profiles list', column: 1 },
  agent: { kind: 'listed', by: 'agents list', column: 2 },
  consumer: { kind: 'listed', by: 'consumers list', column: 1 },
};

const WORKFLOWS: Values = { kind: 'listed', by: 'workflow list', column: 1 };

/** What the argument of a group's commands is where its name alone does not say it. */
const BY_GROUP: Readonly<Record<string, Values>> = {
  'workflow name': WORKFLOWS,
  'results id': { kind: 'listed', by: 'results list', column: 1 },
  'dead-letters id': { kind: 'listed', by: 'dead-letters list', column: 1 },
};

/** What an option takes; undefined when it takes nothing, or does without. */
export function valuesOfOption({ flags, long, argChoices }: Option): Values | undefined {
  const [, name] = /<([^>.]+)/.exec(flags) ?? [];
  if (name === undefined) return undefined;
  if (argChoices) return { kind: 'words', words: argChoices };
  if (name.includes('|')) return { kind: 'words', words: name.split('|') };
  // What is to be made has no name yet.
  if (long === '--id') return ANY;
  if (long === '--workflow') return WORKFLOWS;
  return BY_NAME[name] ?? ANY;
}

/** What an argument of a command is. */
export function valuesOfArgument(command: Command, argument: Argument): Values {
  if (argument.argChoices) return { kind: 'words', words: argument.argChoices };
  return BY_GROUP[`${command.parent?.name() ?? ''} ${argument.name()}`] ?? BY_NAME[argument.name()] ?? ANY;
}
