import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { examplesOf } from './help-text.ts';
import { createProgram } from './program.ts';
import { processTerminal } from './terminal.ts';

const program = createProgram(processTerminal());

function leavesOf(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap((child) => leavesOf(child));
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

/** The words after `sidecar` in a line of shell, up to whatever the shell takes for itself. */
function wordsOf(line: string): string[] {
  const [, tail = ''] = /(?:^|\s|\()sidecar\b(.*)$/.exec(line) ?? [];
  const words = [...tail.matchAll(/"([^"]*)"|'([^']*)'|([^\s"']+)/g)].map(([, double, single, bare = '']) => {
    return double ?? single ?? bare;
  });
  const end = words.findIndex((word) => /^[|>&]/.test(word));
  return (end === -1 ? words : words.slice(0, end)).map((word) => word.replace(/\)$/, ''));
}

describe.each(leavesOf(program).map((command) => [pathOf(command), command] as const))('%s', (_path, command) => {
  it('has examples that its command line takes', () => {
    const examples = examplesOf(command);
    expect(examples).not.toEqual([]);
    // A line that runs what an earlier one made names no command.
    for (const example of examples.filter((line) => /\bsidecar\b/.test(line))) {
      let found: Command = program;
      let words = wordsOf(example);
      while (found.commands.length > 0) {
        const name = words[0];
        const child = found.commands.find((each) => each.name() === name);
        if (child) words = words.slice(1);
        // What a group does when nothing else is said.
        found = child ?? found.commands.find((each) => each === command) ?? program;
        if (found === program) break;
      }
      const { operands, unknown } = found.parseOptions(words);
      const required = found.registeredArguments.filter((it) => it.required).length;
      expect([example, pathOf(found), unknown]).toEqual([example, pathOf(command), []]);
      expect(operands.length, example).toBeGreaterThanOrEqual(required);
    }
  });
});

it('every command that reads takes --json', () => {
  const deeds = ['serve', 'restore', 'export', 'completion', 'config schema'];
  const without = leavesOf(program).filter(({ options }) => !options.some(({ long }) => long === '--json'));
  expect(without.map((command) => pathOf(command).replace('sidecar ', '')).toSorted()).toEqual(deeds.toSorted());
});

it('help fits into 80 columns, but for examples, which are copied whole', () => {
  for (const command of leavesOf(program)) {
    let help = '';
    command.configureOutput({ writeOut: (text) => void (help += text), getOutHelpWidth: () => 80 }).outputHelp();
    const [said = ''] = help.split('\nExamples:');
    expect(said.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(said).not.toContain('uS ');
  }
});

it.each(program.commands.filter(({ commands }) => commands.length > 0).map((group) => [pathOf(group), group] as const))(
  'the help of %s has an example of each of its commands',
  (_path, group) => {
    let help = '';
    group.configureOutput({ writeOut: (text) => void (help += text) }).outputHelp();
    for (const command of group.commands) expect(help).toContain(`  ${examplesOf(command)[0]}\n`);
  },
);
