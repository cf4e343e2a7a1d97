import { Option, type Command } from 'commander';
import type { CleanUpKind, CleanUpReport } from '@orchestration-sidecar/shared';
import { printAnswer, reads, withClient, type ReadOptions } from '../client-command.ts';
import { withExamples } from '../help-text.ts';
import { whileWaiting } from '../progress.ts';
import { bytes } from '../render/quantity.ts';
import { renderTable } from '../render/table.ts';
import type { Terminal } from '../terminal.ts';

interface CleanUpOptions extends ReadOptions {
  readonly dryRun?: boolean;
  readonly only?: CleanUpKind[];
}

/** The kinds of the contract, which help and completion must not load; the type sees that none is missing. */
const KINDS: Readonly<Record<CleanUpKind, true>> = {
  context_cache: true,
  logs: true,
  issues: true,
  agents: true,
  agent_folders: true,
  dead_letters: true,
  events: true,
  results: true,
  audit: true,
};

/** `sidecar clean-up`: removes what has been kept long enough. */
export function addCleanUp(program: Command, terminal: Terminal): void {
  withExamples(
    reads(
      program
        .command('clean-up')
        .summary('remove what has been kept long enough')
        .description(
          'Removes what has been kept long enough: contexts, logs put aside, issues, agents and their folders, dead letters, events, ' +
            'results, audit records. The sidecar does it by itself every day. What is pinned or belongs to what runs stays.',
        )
        .option('--dry-run', 'only say what would be removed')
        .addOption(new Option('--only <kinds...>', 'only these').choices(Object.keys(KINDS))),
    ),
    'sidecar clean-up --dry-run',
    'sidecar clean-up --only results logs',
  ).action((options: CleanUpOptions) =>
    withClient(options, terminal, async (client) => {
      const { dryRun: dry_run, only: kinds } = options;
      const report = await whileWaiting(terminal, 'Cleaning up', client.cleanUp.run({ dry_run, kinds }));
      printAnswer(terminal, options, report, (it) => lines(it, terminal));
    }),
  );
}

function lines(report: CleanUpReport, terminal: Terminal): string[] {
  const table = renderTable(
    report.kinds,
    [
      { title: 'what', text: ({ kind }) => kind.replaceAll('_', ' ') },
      { title: report.dry_run ? 'would go' : 'removed', text: ({ count }) => `${count}`, align: 'right' },
      { title: 'size', text: (it) => bytes(it.bytes), align: 'right' },
      {
        title: 'kept although due',
        text: ({ kept }) => kept.map(({ reason, count }) => `${count} ${reason}`).join(', '),
      },
    ],
    terminal,
  );
  const { released_bytes: released } = report.store;
  return released === 0 ? table : [...table, `The store became ${bytes(released)} smaller.`];
}
