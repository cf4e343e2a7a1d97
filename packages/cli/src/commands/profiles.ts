import { Option, type Command } from 'commander';
import { printAnswer, reads, withClient, type ReadOptions } from '../client-command.ts';
import { reportProblems } from '../definition-problems.ts';
import { withExamples } from '../help-text.ts';
import { whileWaiting } from '../progress.ts';
import { matrixTable, profileLines, profileTable } from '../render/profile.ts';
import type { Terminal } from '../terminal.ts';

const CATEGORIES = ['architecture', 'coding', 'qa-security', 'devops', 'documentation', 'support'] as const;

interface OfCategory extends ReadOptions {
  readonly category?: (typeof CATEGORIES)[number];
}

/** `sidecar profiles`: the definitions of the agent types. */
export function addProfiles(program: Command, terminal: Terminal): void {
  const profiles = program
    .command('profiles')
    .summary('list, show and check agent types')
    .description('Definitions of the agent types.');

  withExamples(
    reads(
      profiles
        .command('list')
        .summary('list the agent types')
        .description('Lists the agent types by name.')
        .addOption(category()),
    ),
    'sidecar profiles list --category coding',
  ).action((options: OfCategory) =>
    withClient(options, terminal, async (client) => {
      const asked = client.profiles.list({ category: options.category });
      const answer = await whileWaiting(terminal, 'Listing profiles', asked);
      printAnswer(terminal, options, answer, (page) => profileTable(page.profiles, terminal));
    }),
  );

  withExamples(
    reads(
      profiles
        .command('show <agent_type>')
        .summary('show one agent type')
        .description('Shows one profile: what it is for, what it sees, hears, may and is limited to.'),
    ),
    'sidecar profiles show rust-pro',
  ).action((agent_type: string, options: ReadOptions) =>
    withClient(options, terminal, async (client) => {
      const answer = await whileWaiting(terminal, 'Reading the profile', client.profiles.get({ agent_type }));
      printAnswer(terminal, options, answer, (profile) => profileLines(profile, terminal));
    }),
  );

  withExamples(
    reads(
      profiles
        .command('matrix')
        .summary('show who may do what')
        .description(
          'Shows the capability matrix: permissions, topics published to and topics heard, an agent type a line.',
        )
        .addOption(category()),
    ),
    'sidecar profiles matrix --category qa-security',
  ).action((options: OfCategory) =>
    withClient(options, terminal, async (client) => {
      const asked = client.profiles.list({ category: options.category });
      const answer = await whileWaiting(terminal, 'Listing profiles', asked);
      const { matrixOf } = await import('@orchestration-sidecar/server/profiles');
      printAnswer(terminal, options, { matrix: matrixOf(answer.profiles) }, ({ matrix }) =>
        matrixTable(matrix, terminal),
      );
    }),
  );

  withExamples(
    profiles
      .command('validate [directory]')
      .summary('check profile files')
      .description(
        'Checks the built-in profiles and, on top of them, those of a directory as `serve --profiles` takes it; without ' +
          'one, those in .sidecar/profiles of the repository it stands in. Needs no sidecar. Exits with 1 when something ' +
          'is wrong.',
      )
      .option('--json', 'print the problems as JSON'),
    'sidecar profiles validate ./profiles',
  ).action((directory: string | undefined, options: { readonly json?: boolean }) =>
    reportProblems(directory, 'agents', options, terminal),
  );
}

function category(): Option {
  return new Option('--category <category>', 'only those of a category').choices(CATEGORIES);
}
